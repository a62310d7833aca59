"""The whole story in two browsers: from the first visit to a share that is taken back.

Two accounts, three people, one installation started with ``./run``. The tests are its steps, in
order; each waits for what a person would wait for, and nothing is asked of the API.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo import rights
from tests.browser.cast import CONSUMER, DEVELOPER, OWNER, Cast, new_password
from tests.browser.people import DROP, WORK, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("quiet")]

EPOCHS = 150
"""About a tenth of a second each: long enough to be watched."""
BUCKET = "digits"


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


def test_a_wrong_output_is_named_and_nothing_typed_is_lost(cast: Cast) -> None:
    developer = cast["developer"]
    page = developer.open("/training-jobs/new")
    page.locator("[name=dataset_version]").select_option(label="digits V001")
    typed = {
        "name": "digits-training",
        "description": "Digits with scikit-learn",
        "code_bucket": BUCKET,
        "code_prefix": "mnist-code/",
        "boot_file": "train.py",
        "outputs": "train_url",
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
    page.keyboard.press("ControlOrMeta+a")
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
