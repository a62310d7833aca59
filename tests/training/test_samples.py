"""The page *Samples*: two clicks from a card to an accepted job, with the sample's files."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from accounts.agency.services import in_background
from core import access
from datasets.version.models import DatasetVersion
from demo import rights
from storage.object.models import StoredObject
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job.models import TrainingJob
from training.sample import services
from training.sample.catalogue import SAMPLES

REGION = "cn-north-1"


class Form(HTMLParser):
    """What a browser would send for the largest form of a page as it was shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._area = self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        name = named.get("name", "")
        if tag == "input" and name and named.get("type") != "checkbox":
            self.values[name] = named.get("value", "")
        elif tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in named or self._select not in self.values):
            self.values[self._select] = named.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""


@pytest.fixture
def owner(db: None) -> Person:
    found = people.root("sampleowner")
    make.agency(found.user.account, make.statement("Allow", "obs:*:*"))
    return found


def browser(person: Person) -> Client:
    client = Client()
    people.sign_in(client, person)
    return client


@pytest.mark.parametrize("name", SAMPLES)
def test_two_clicks_make_a_job(owner: Person, name: str) -> None:
    client, sample = browser(owner), SAMPLES[name]
    page = client.get("/samples").content.decode()
    assert f'action="/samples/{name}/use"' in page and sample.engine in page
    shown = client.post(f"/samples/{name}/use", follow=True)
    assert shown.redirect_chain[0][0].startswith("/training-jobs/new?")
    keys = set(StoredObject.objects.unscoped("test").values_list("key", flat=True))
    assert keys == set(sample.files()) and len(keys) >= 4 + 21 + 3
    assert {f"{name}/train.py", f"{name}/infer/config.json", "pictures/labels.json"} <= keys
    sent = Form(shown.content.decode()).values
    answer = client.post("/training-jobs/new", sent)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    job = TrainingJob.objects.unscoped("test").get()
    assert job.code_prefix == f"{name}/" and job.name.startswith(name)
    assert job.hyperparameters == sample.hyperparameters
    assert job.outputs[0]["prefix"] == f"output/{job.name}/"
    version = DatasetVersion.objects.unscoped("test").get()
    assert (version.dataset.name, version.file_count) == (services.DATASET, 4)


def test_again_changes_nothing_that_is_there(owner: Person) -> None:
    client = browser(owner)
    client.post("/samples/digits-sklearn/use")
    people.put(owner, services.bucket_name(REGION), "digits-sklearn/train.py", b"print('mine')")
    client.post("/samples/digits-sklearn/use")
    row = StoredObject.objects.unscoped("test").get(key="digits-sklearn/train.py")
    assert row.size == len(b"print('mine')")
    assert DatasetVersion.objects.unscoped("test").count() == 1


def test_a_file_that_the_user_may_not_read_stays(owner: Person) -> None:
    browser(owner).post("/samples/digits-sklearn/use")
    name, key = services.bucket_name(REGION), "digits-sklearn/train.py"
    people.put(owner, name, key, b"print('mine')")
    hidden = people.statement("Deny", "obs:object:GetObject")
    writer = people.user(owner, "writer", [people.statement("Allow", "*:*:*"), hidden])
    assert browser(writer).post("/samples/digits-sklearn/use").status_code == 302
    assert StoredObject.objects.unscoped("test").get(key=key).size == len(b"print('mine')")


def test_who_may_not_make_buckets_is_told_and_refused(owner: Person) -> None:
    reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:trainJob:list")])
    client = browser(reader)
    page = client.get("/samples").content.decode()
    assert '/use"' not in page and "You may not make buckets" in page
    assert client.post("/samples/digits-sklearn/use").status_code == 403
    assert browser(owner).post("/samples/none/use").status_code == 404
    assert browser(people.user(owner, "nothing", [])).get("/samples").status_code == 403
    assert not StoredObject.objects.unscoped("test").exists()


def test_the_agency_of_the_demonstration_runs_samples_and_deploys_own_models(db: None) -> None:
    owner = people.root("demoowner")
    agency = make.agency(owner.user.account)
    for policy in rights.AGENCIES["owner"][1]:
        make.attach(agency, *rights.POLICIES["owner"][policy]["Statement"])
    client = browser(owner)
    shown = client.post("/samples/digits-sklearn/use", follow=True)
    sent = Form(shown.content.decode()).values
    answer = client.post("/training-jobs/new", sent)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    platform = in_background(owner.actor, agency)
    target = access.Target(owner.user.account_id, region=REGION)
    assert access.decide(platform, "modelarts:model:deploy", target).allowed
    people.bucket(owner, "elsewhere")
    other = {"once": "other", "name": "other", "outputs": "train_url=obs://elsewhere/x/"}
    refused = client.post("/training-jobs/new", sent | other)
    assert "obs:object:PutObject" in refused.content.decode()
