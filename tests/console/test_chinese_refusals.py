"""Refusals on a Chinese page are Chinese: no English sentence but names, codes and quoted input."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.policy import services as policies
from core import actor as actors
from core import quotas, reconcile, registry, states
from datasets.dataset import services as datasets
from datasets.version.models import DatasetVersion
from tests.accounts import make as accounts
from tests.storage import people
from tests.training import jobs
from training import messages as of_training
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db
#: four words of Latin letters in a row
SENTENCE = re.compile(r"[A-Za-z’']+(?:[ ,]+[A-Za-z’'-]+){3,}")
QUOTED = ("code", "pre", "script", "style", "svg", "option", "noscript")


class Text(HTMLParser):
    """What a page says, without what it quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.quoted = 0
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quoted += tag in QUOTED
        self.parts += [v for k, v in attrs if k in ("title", "aria-label", "placeholder") and v]

    def handle_endtag(self, tag: str) -> None:
        self.quoted -= tag in QUOTED

    def handle_data(self, data: str) -> None:
        if not self.quoted:
            self.parts.append(data)


def english(answer: Any) -> list[str]:
    """English sentences of a page."""
    page = Text()
    page.feed(answer.text)
    return [found for part in page.parts for found in SENTENCE.findall(part)]


@pytest.fixture
def owner() -> people.Person:
    return people.root("owner")


def browser(person: people.Person) -> Client:
    client = Client()
    people.sign_in(client, person)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    return client


def told(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text[:2000]
    assert '<html lang="zh-hans"' in answer.text
    for word in words:
        assert word in answer.text, answer.text
    assert not english(answer), english(answer)


def test_what_is_not_there(owner: people.Person) -> None:
    told(browser(owner).get("/training-jobs/00000000-0000-4000-8000-000000000000"), 404)
    told(browser(owner).get("/no-such-page"), 404)


def test_a_denial_with_all_its_steps(owner: people.Person) -> None:
    reader = people.user(
        owner,
        "reader",
        [
            people.statement("Allow", "iam:groups:listGroups", "iam:groups:getGroup"),
            people.statement("Deny", "iam:users:listUsers"),
        ],
    )
    group = accounts.group(owner.user.account, name="g1")
    client = browser(reader)
    told(client.get(reverse("groups:edit", kwargs={"pk": group.pk})), 403, "没有策略允许")
    told(client.get(reverse("users:list")), 403, "用户策略中的拒绝优先于任何允许")
    told(client.get(reverse("groups:tab", kwargs={"pk": group.pk, "tab": "access"})), 200)


def test_a_guard_beside_a_button(owner: people.Person) -> None:
    admin = people.user(owner, "admin", [people.statement("Allow", "iam:*:*")])
    strong = people.user(owner, "strong", [people.statement("Allow", "modelarts:*:*")])
    client = browser(admin)
    page = {"pk": strong.user.pk, "verb": "reset-password"}
    told(client.post(reverse("users:verb", kwargs=page)), 403, "拥有您自己没有的权限")


def test_conflicts_and_form_errors(owner: people.Person) -> None:
    bucket = people.bucket(owner, "data")
    people.put(owner, "data", "a.txt", b"1")
    client = browser(owner)
    here = reverse("buckets:delete", kwargs={"pk": bucket.pk})
    told(client.post(here, {"typed": "data", "version": bucket.version}), 409, "仍有 1 个对象")
    remove = reverse("buckets:remove", kwargs={"pk": bucket.pk})
    told(client.post(remove, {}), 400, "请至少选择一个对象")


def test_a_broken_policy_document(owner: people.Person) -> None:
    client = browser(owner)
    statement = {
        "Effect": "Alow",
        "Action": ["modelarts:notebok:list", "obs:object:GetObject", 5],
        "Resource": ["obs:*:*:object", "iam:*:*:user:a"],
        "Condition": {"StringEqals": {"g:UserName": ["a"]}, "Bool": {"g:MFAPresent": ["maybe"]}},
        "Principal": "all",
    }
    broken = json.dumps({"Version": "1.3", "Statement": [statement, "Allow"]})
    for text, words in ((broken, "Effect 必须是 Allow 或 Deny"), ("{'Version'", "文本不是 JSON")):
        answer = client.post(reverse("policies:create"), {"name": "p1", "document": text})
        # the reader of Python words what is wrong with the JSON
        found = [one for one in english(answer) if not one.startswith("Expecting property")]
        assert words in answer.text and not found, found


def test_what_is_odd_about_a_policy(owner: people.Person) -> None:
    condition = {
        "DateLessThan": {"g:CurrentTime": ["2001-01-01T00:00:00Z"]},
        "StringEquals": {"g:UserName": ["a"]},
    }
    odd = people.statement("Deny", "obs:object:GetObject") | {
        "Resource": ["obs:*:*:object:a/b", "obs:*:*:object:a", "obs:*:*:bucket:a/b"],
        "Condition": condition,
    }
    policy = policies.create(
        owner.actor, {"name": "odd", "document": {"Version": "1.1", "Statement": [odd]}}
    )
    page = browser(owner).get(reverse("policies:detail", kwargs={"pk": policy.pk}))
    told(page, 200, "该时间已过：该条件永不成立", "才是该文件夹", "该策略只包含拒绝")


def test_a_quota(owner: people.Person) -> None:
    quotas.write(str(owner.actor.account_id), "groups", 0)
    client = browser(owner)
    told(client.post(reverse("groups:create"), {"name": "g1"}), 409, "最多可同时拥有 0 个用户组")


def test_a_verb_in_the_wrong_phase(owner: people.Person) -> None:
    job = jobs.job(owner, "j", phase="Completed")
    here = reverse("training-jobs:verb", kwargs={"pk": job.pk, "verb": "stop"})
    told(browser(owner).post(here, follow=True), 200, "状态为已完成", "此状态下不能执行“停止”")


def test_an_older_version_and_the_wrong_method(owner: people.Person) -> None:
    group = accounts.group(owner.user.account, name="g1")
    client = browser(owner)
    here = reverse("groups:edit", kwargs={"pk": group.pk})
    answer = client.post(here, {"name": "g2", "version": group.version + 7})
    told(answer, answer.status_code, "在您打开后已被更改")
    told(client.post(reverse("users:list")), 405, "此页面只能读取")


def test_the_status_of_what_failed(owner: people.Person) -> None:
    """Kept as codes, so it is told to each reader in their own language."""
    system = actors.system("test")
    job = jobs.job(owner, "j", phase="Running")
    states.transition(
        job,
        TrainingJob.Phase.FAILED,
        actor=system,
        reason="NODE_LOST",
        message=of_training.NODE_LOST(spent=3),
        detail={"next": of_training.FILES_GONE.next},
    )
    assert job.message == "The process disappeared 3 times; the platform stopped trying."
    client = browser(owner)
    for tab in ("", "activity"):
        name = "training-jobs:tab" if tab else "training-jobs:detail"
        more = {"tab": tab} if tab else {}
        page = client.get(reverse(name, kwargs={"pk": job.pk, **more}))
        told(page, 200, "进程已消失 3 次")
    told(client.get(reverse("training-jobs:list")), 200)
    again = TrainingJob.objects.unscoped("test").get(pk=job.pk)
    assert again.detail["next"] == "Rerun the job." and again.told_next == "请重新运行作业。"


IDX = {
    "train-images-idx3-ubyte": b"\0\0\x0d\3",
    "train-labels-idx1-ubyte": b"\0\0\x08\1\0\0\0\2\1\x63",
    "t10k-images-idx3-ubyte.gz": b"no gzip at all",
    "notes.txt": b"-",
}


@pytest.mark.django_db(transaction=True)
def test_an_invalid_dataset_version(owner: people.Person, settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    people.bucket(owner, "team1")
    for name, data in IDX.items():
        people.put(owner, "team1", f"mnist/{name}", data)
    data = {"name": "digits", "format": "idx", "bucket": "team1", "prefix": "mnist"}
    dataset = datasets.create(owner.actor, data)
    versions = DatasetVersion.objects.unscoped("test")
    version = versions.get(dataset=dataset)
    assert reconcile.look("datasets.datasetversion", str(version.pk)) == "done"
    version = versions.get(pk=version.pk)
    assert version.phase == "Invalid" and "First: `" in version.message
    client = browser(owner)
    here = reverse("dataset-versions:detail", kwargs={"pk": version.pk})
    told(client.get(here), 200, "32 位浮点数", "超出 0..9", "不是四个 IDX 文件之一", "缺少")
    # as an older version kept it
    for one in version.problems:
        del one["said"]
    versions.filter(pk=version.pk).update(problems=version.problems)
    assert "holds 32-bit float values" in client.get(here).text


def test_a_row_of_an_older_version_shows_its_text(owner: people.Person) -> None:
    rows = TrainingJob.objects.unscoped("test")
    job = jobs.job(owner, "j", phase="Failed")
    rows.filter(pk=job.pk).update(message="As it was kept before.", said=None)
    page = browser(owner).get(reverse("training-jobs:detail", kwargs={"pk": job.pk}))
    assert "As it was kept before." in page.text


def test_every_type_has_its_refusals_translated(owner: people.Person) -> None:
    """A decision about every declared action, as the Access tab tells it."""
    reader = people.user(owner, "reader", [people.statement("Allow", "iam:groups:listGroups")])
    client = browser(reader)
    for spec in registry.all_specs():
        answer = client.get(reverse(f"{spec.slug}:list"))
        assert not english(answer), (spec.slug, english(answer))
