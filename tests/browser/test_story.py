"""The whole story in two browsers: from the first visit to a share that is taken back.

Two accounts, three people, one installation started with ``./run``. The tests are its steps, in
order; each waits for what a person would wait for, and nothing is asked of the API.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo import rights
from tests.browser.cast import CONSUMER, DEVELOPER, OWNER, SAMPLES, Cast, make_digits, new_password
from tests.browser.people import DROP, WORK, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPOCHS = 150
"""About a tenth of a second each: long enough to be watched."""
TRIES, ENOUGH = 5, 4
BUCKET = "digits"


@pytest.fixture(scope="module")
def files(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``mnist-data``, ``mnist-code`` and ``heldout`` as a person would have them on disk."""
    folder = tmp_path_factory.mktemp("files")
    make_digits(cast.installation.engines, folder)
    (folder / "data").rename(folder / "mnist-data")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SAMPLES / "sklearn", folder / "mnist-code", ignore=ignore)
    return folder


@pytest.fixture(autouse=True)
def quiet(cast: Cast) -> Iterator[None]:
    """No step may leave an error in a console, a blocked resource or a failed request behind."""
    yield
    for name, person in cast.people.items():
        assert person.complaints == [], name


# -- accounts ------------------------------------------------------------------------------------


def test_the_first_account_is_made_by_a_link_that_works_once(cast: Cast) -> None:
    visitor = Person(cast.browser, cast.installation.url)
    visitor.page.goto("/models")
    visitor.heading("Sign in")
    expect(visitor.page.get_by_text("There is no account yet.")).to_be_visible()
    link = cast.installation.manage("setup_link").splitlines()[-1]
    cast.set_up()
    visitor.page.goto(link)
    expect(visitor.page.locator("[name=setup_token]")).to_have_count(0)
    assert visitor.refusals == [404]
    visitor.close()


def test_the_owner_signs_in_and_is_told_what_to_do_first(cast: Cast) -> None:
    owner = cast["owner"]
    owner.heading(OWNER)  # the set-up signed him in
    owner.sign_out()
    owner.fill(account=OWNER, password="not the password")
    owner.press("Sign in")
    expect(owner.page.locator("[data-problem-summary]")).to_be_visible()
    expect(owner.page.locator("[name=account]")).to_have_value(OWNER)
    owner.sign_in(OWNER, cast.passwords["owner"])
    owner.heading(OWNER)
    expect(owner.page.locator(".start-step")).to_have_count(5)
    expect(owner.page.locator(".start-step.is-done")).to_have_count(0)


def test_the_operator_makes_the_second_account(cast: Cast) -> None:
    owner = cast["owner"]
    owner.open("/accounts")
    owner.fill(name=CONSUMER)
    owner.press("Create")
    secret = owner.page.locator("[data-secret-value]")
    expect(secret).to_have_attribute("type", "password")
    owner.press("Show")
    expect(secret).to_have_attribute("type", "text")
    temporary = secret.input_value()
    row = owner.page.get_by_role("row", name=re.compile(CONSUMER))
    account_id = re.search(r"\b\d{10}\b", row.inner_text())
    assert account_id is not None
    owner.open("/accounts")
    assert temporary not in owner.page.content()  # shown once

    consumer = cast.enter("consumer")
    consumer.account_id = account_id[0]
    cast.passwords["consumer"] = new_password()
    consumer.sign_in(CONSUMER, temporary)
    consumer.page.goto("/models")
    consumer.first_password(temporary, cast.passwords["consumer"])
    consumer.open("/")
    consumer.heading(CONSUMER)


def test_rights_are_written_as_json_and_delegated(cast: Cast) -> None:
    for who in ("owner", "consumer"):
        person = cast[who]
        for name, document in rights.POLICIES[who].items():
            person.open("/policies/new")
            person.fill(name=name, document=json.dumps(document, indent=2))
            person.press("Create")
            person.heading(name)
        agency, policies = rights.AGENCIES[who]
        person.open("/agencies/new")
        person.fill(name=agency)
        for box in person.page.locator("[name=policies]").all():
            box.set_checked(box.get_attribute("value") in _values(person, policies))
        person.press("Create")
        person.heading(agency)


def _values(person: Person, policies: tuple[str, ...]) -> list[str]:
    """What the boxes of these policies post."""
    boxes = [person.page.get_by_label(name, exact=True) for name in policies]
    return [box.get_attribute("value") or "" for box in boxes]


def test_a_policy_that_is_no_policy_comes_back_with_its_text(cast: Cast) -> None:
    owner = cast["owner"]
    owner.open("/policies/new")
    wrong = '{"Version": "1.1", "Statement": [{"Effect": "Perhaps", "Action": ["obs:*:*"]}]}'
    owner.fill(name="wrong", document=wrong)
    owner.press("Create")
    expect(owner.page.locator("[data-problem-summary]")).to_contain_text("Effect")
    expect(owner.page.locator("[name=document]")).to_have_value(wrong)


def test_the_owner_makes_a_developer_with_the_rights_of_a_group(cast: Cast) -> None:
    owner = cast["owner"]
    owner.open("/groups/new")
    owner.fill(name=rights.GROUP)
    owner.press("Create")
    owner.heading(rights.GROUP)
    group = owner.path
    for policy in rights.GROUP_POLICIES:
        owner.open(f"{group}/policies")
        owner.page.locator("#attach-policy").select_option(label=policy)
        owner.press("Attach")
        expect(owner.page.get_by_role("row", name=re.compile(policy))).to_be_visible()

    owner.open("/users/new")
    owner.fill(name=DEVELOPER)
    owner.page.get_by_label(rights.GROUP, exact=True).check()
    owner.press("Create")
    owner.heading(f"Temporary password of {DEVELOPER}")
    temporary = owner.page.locator("[data-secret-value]").input_value()
    owner.follow("I have stored it")
    owner.heading(DEVELOPER)

    developer = cast.enter("developer")
    cast.passwords["developer"] = new_password()
    developer.sign_in(OWNER, temporary, DEVELOPER)
    developer.page.goto("/buckets")  # nothing is possible before the change
    developer.first_password(temporary, cast.passwords["developer"])
    developer.open("/buckets")
    expect(developer.page.locator("#sidebar")).not_to_contain_text("Users")


# -- data ----------------------------------------------------------------------------------------


def test_the_developer_drops_data_and_a_folder_of_code_into_a_bucket(
    cast: Cast, files: Path
) -> None:
    developer = cast["developer"]
    page = developer.open("/buckets/new")
    developer.fill(name=BUCKET)
    developer.press("Create")
    developer.heading(BUCKET)
    bucket = cast.made["bucket"] = developer.path
    developer.open(f"{bucket}/objects")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()

    page.locator("#new-folder").fill("mnist-data")
    developer.press("Open or start a folder")
    data = sorted((files / "mnist-data").iterdir())
    carried = [[one.name, base64.b64encode(one.read_bytes()).decode()] for one in data]
    page.locator("[data-drop]").evaluate(DROP, carried)
    for one in data:
        row = page.locator(".upload-item", has_text=one.name)
        expect(row).to_contain_text("Stored")
        listed = page.locator("#object-list").get_by_role("link", name=one.name, exact=True)
        expect(listed).to_be_visible()

    developer.open(f"{bucket}/objects")
    page.locator("[data-upload-folder]").set_input_files(files / "mnist-code")
    expect(page.locator(".upload-item.is-done")).to_have_count(3)
    developer.follow("mnist-code/")
    developer.follow("infer/")
    expect(page.get_by_role("link", name="customize_service.py")).to_be_visible()


def test_the_developer_sees_the_digits_and_how_many_of_each(cast: Cast) -> None:
    developer = cast["developer"]
    page = developer.open(f"{cast.place('bucket')}/objects?prefix=mnist-data/")
    developer.follow("Make a dataset of this folder")
    expect(page.locator("[name=bucket]")).to_have_value(BUCKET)
    expect(page.locator("[name=prefix]")).to_have_value("mnist-data/")
    developer.fill(name="digits")
    developer.press("Create")
    developer.heading("digits")
    cast.made["dataset"] = developer.path
    developer.open(f"{cast.place('dataset')}/versions")
    row = page.get_by_role("row", name=re.compile("V001"))
    expect(row.locator("[data-phase=Ready]")).to_be_visible(timeout=WORK)

    developer.open(f"{cast.place('dataset')}/samples")
    pictures = page.locator(".image-grid img")
    expect(pictures).to_have_count(24)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()  # they load when they come into view
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    labels = page.locator(".image-label").all_inner_texts()
    assert set(labels) <= set("0123456789") and len(set(labels)) > 4

    developer.open(f"{cast.place('dataset')}/distribution")
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    page.locator("[data-chart] summary").click()
    expect(page.locator("[data-chart] tbody tr")).to_have_count(10)


# -- training ------------------------------------------------------------------------------------


def test_a_forgotten_output_is_named_and_nothing_typed_is_lost(cast: Cast) -> None:
    developer = cast["developer"]
    page = developer.open("/training-jobs/new")
    page.locator("[name=dataset_version]").select_option(label="digits V001")
    typed = {
        "name": "digits-training",
        "description": "Digits with scikit-learn",
        "code_bucket": BUCKET,
        "code_prefix": "mnist-code/",
        "boot_file": "train.py",
        "hyperparameters": f"epochs={EPOCHS}\nlr=0.002",
    }
    developer.fill(**typed)
    developer.press("Create")
    summary = page.locator("[data-problem-summary]")
    expect(summary).to_contain_text("Outputs")
    for name, value in typed.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)
    expect(page.locator("[name=dataset_version]")).not_to_have_value("")
    summary.get_by_role("link", name="Outputs").click()
    expect(page.locator("[name=outputs]")).to_be_focused()
    page.keyboard.type(f"train_url=obs://{BUCKET}/mnist-output/")
    developer.press("Create")
    developer.heading("digits-training")
    cast.made["job"] = developer.path


def test_the_job_is_watched_without_touching_the_page(cast: Cast) -> None:
    developer = cast["developer"]
    page = developer.page
    loads: list[str] = []
    developer.chip("Running", WORK)
    page.on("load", lambda _: loads.append(page.url))

    page.get_by_role("link", name="Logs").click()
    lines = page.locator("#job-log [data-log-count]")
    expect(page.locator("#job-log")).to_contain_text("epoch=2 ", timeout=WORK)
    before = lines.inner_text()
    expect(lines).not_to_have_text(before)

    page.get_by_role("link", name="Metrics").click()
    expect(page.locator("[data-chart] canvas").first).to_be_visible(timeout=WORK)
    developer.chip("Running")
    seen = len(loads)
    developer.chip("Completed", WORK)
    expect(page.locator("[data-chart] canvas").first).to_be_visible()
    assert len(loads) == seen, "the page was loaded again instead of being kept fresh"

    page.get_by_role("link", name="Files").click()
    expect(page.get_by_text("digits.joblib")).to_be_visible()


def test_the_model_is_registered_from_the_job(cast: Cast) -> None:
    developer = cast["developer"]
    developer.open(cast.place("job"))
    developer.follow("Register model")
    expect(developer.page.locator("[name=training_job]")).not_to_have_value("")
    developer.fill(name="digits")
    developer.press("Create")
    developer.heading("digits 0.0.1")
    developer.chip("Published", WORK)
    cast.made["model"] = developer.path
    expect(developer.page.locator(".page-actions")).not_to_contain_text("Deploy")


# -- sharing -------------------------------------------------------------------------------------


def test_the_owner_shares_the_model_and_reads_first_what_that_gives(cast: Cast) -> None:
    owner, consumer = cast["owner"], cast["consumer"]
    assert consumer.page.goto(cast.place("model")).status == 404
    page = owner.open(cast.place("model"))
    owner.follow("Share")
    expect(page.get_by_label("digits 0.0.1")).to_be_checked()
    owner.fill(name="digits", principals=consumer.account_id)
    owner.press("Review")
    owner.heading("Confirm")
    expect(page.locator("main")).to_contain_text(consumer.account_id)
    expect(page.locator("main")).to_contain_text("modelarts:model:deploy")
    owner.press("Back")
    expect(page.locator("[name=principals]")).to_have_value(consumer.account_id)
    owner.press("Review")
    owner.press("Share")
    owner.page.wait_for_url(re.compile(r"/share-units/[0-9a-f-]{36}$"))
    cast.made["unit"] = owner.path
    owner.open(f"{owner.path}/principals")
    expect(page.locator("main")).to_contain_text("Waiting")


def test_the_consumer_is_told_reads_and_accepts(cast: Cast) -> None:
    consumer, owner = cast["consumer"], cast["owner"]
    page = consumer.open("/")
    expect(page.locator(".notice.banner")).to_contain_text("invit")
    expect(page.locator("#sidebar a[href='/share-invitations']")).to_contain_text("1")
    page.locator(".notice.banner a").first.click()
    card = page.locator("[data-invitation]")
    expect(card).to_contain_text(OWNER)
    card.get_by_role("link", name="Read").click()
    expect(page.locator("main")).to_contain_text("modelarts:model:deploy")
    expect(page.locator("main")).to_contain_text("never")
    consumer.press("Accept")
    consumer.chip("ACCEPTED")
    consumer.open("/")
    expect(page.locator(".notice.banner")).to_have_count(0)
    expect(page.locator("#sidebar a[href='/share-invitations'] .sidebar-badge")).to_have_count(0)

    owner.open(f"{cast.place('unit')}/principals")
    row = owner.page.get_by_role("row", name=re.compile(consumer.account_id))
    expect(row).to_contain_text("Associated")
    expect(row).to_contain_text(CONSUMER)


def test_the_consumer_finds_the_model_and_cannot_change_it(cast: Cast) -> None:
    consumer = cast["consumer"]
    page = consumer.open("/models")
    consumer.follow("digits") if page.get_by_role("link", name="digits").count() else None
    page.get_by_role("link", name="Shared models").click()
    page.locator(".data-table .cell-title a").click()
    consumer.heading("digits 0.0.1")
    actions = page.locator(".page-actions")
    expect(actions).to_contain_text("Deploy")
    for name in ("Edit", "Delete", "Share", "Deprecate"):
        expect(actions.get_by_text(name, exact=True)).to_have_count(0)
    refused = page.goto(f"{cast.place('model')}/delete")
    assert refused is not None and refused.status == 403
    expect(page.locator("main")).to_contain_text("modelarts:model:delete")


# -- serving -------------------------------------------------------------------------------------


def test_the_consumer_deploys_it_and_it_reads_digits(cast: Cast, files: Path) -> None:
    consumer = cast["consumer"]
    page = consumer.open(cast.place("model"))
    consumer.follow("Deploy")
    expect(page.locator("[name=model] option:checked")).to_contain_text("digits 0.0.1")
    consumer.fill(name="digits-reader")
    consumer.press("Create")
    consumer.heading("digits-reader")
    cast.made["service"] = consumer.path
    consumer.chip("Running", WORK)

    page.get_by_role("link", name="Predict").click()
    labels = json.loads((files / "heldout" / "labels.json").read_text())
    right = 0
    for name, digit in sorted(labels.items())[:TRIES]:
        page.locator("#predict input[type=file]").set_input_files(files / "heldout" / name)
        expect(page.locator("#predict [data-predict-preview]")).to_be_visible()
        with page.expect_response(re.compile("predict")) as answer:
            consumer.press("Predict")
        assert answer.value.ok
        top = page.locator("#predict [data-predict-top]")
        expect(top).to_have_text(re.compile(r"^\d"))
        right += top.inner_text().startswith(str(digit))
    assert right >= ENOUGH


# -- taking back ---------------------------------------------------------------------------------


def test_the_owner_takes_the_share_back_and_sees_who_loses_what(cast: Cast) -> None:
    consumer, owner = cast["consumer"], cast["owner"]
    stale = consumer.open(f"/services/new?model={cast.place('model').rsplit('/', 1)[-1]}")
    consumer.fill(name="digits-late")  # ready to go, but not sent yet

    page = owner.open(f"{cast.place('unit')}/delete")
    expect(page.locator(".inventory")).to_contain_text(consumer.account_id)
    # What runs elsewhere is counted for the owner; its name is the other account's business.
    expect(page.locator(".inventory")).to_contain_text("service × 1")
    page.locator("#confirm-typed").fill("digits")
    owner.press("Delete")
    owner.page.wait_for_url(re.compile(r"/share-units$"))

    consumer.press("Create")
    expect(stale.locator("main")).to_contain_text("no share in force")
    consumer.open("/models?scope=shared")
    expect(stale.locator(".data-table")).to_have_count(0)
    consumer.open(cast.place("service"))
    consumer.chip("Running")  # what it has goes on


def test_both_trails_tell_it(cast: Cast) -> None:
    for who, events in {
        "owner": ("createResourceShare", "deleteResourceShare"),
        "consumer": ("acceptResourceShareInvitation", "createService", "accessDenied"),
    }.items():
        page = cast[who].open("/audit")
        for event in events:
            expect(page.get_by_role("row", name=re.compile(event)).first).to_be_visible()


# -- leaving -------------------------------------------------------------------------------------


def test_after_signing_out_nothing_private_is_left(cast: Cast) -> None:
    consumer = cast["consumer"]
    stale = consumer.tab()
    stale.goto("/buckets/new")
    stale.locator("[name=name]").fill("too-late")
    page = consumer.open(cast.place("service"))
    consumer.open("/audit")
    consumer.sign_out()
    page.go_back()
    consumer.heading("Sign in")
    assert "acceptResourceShareInvitation" not in page.content()

    stale.locator("main").get_by_role("button", name="Create", exact=True).click()
    expect(stale.get_by_role("heading", level=1)).to_be_visible()
    expect(stale.locator("main")).to_contain_text(re.compile("[Ss]ign in"))
    consumer.sign_in(CONSUMER, cast.passwords["consumer"])
    consumer.open("/buckets")
    expect(page.locator("main")).not_to_contain_text("too-late")
