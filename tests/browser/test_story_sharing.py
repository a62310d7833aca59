"""The second half of the story, after ``test_story.py``: the model is shared, used by another
account, and taken back.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Response, expect

from tests.browser.cast import CONSUMER, OWNER, Cast
from tests.browser.people import WORK

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("quiet")]

TRIES, ENOUGH = 5, 4


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


def test_what_cannot_be_read_is_answered_in_words(cast: Cast, files: Path, tmp_path: Path) -> None:
    """No file, no picture, too large, no field: on the Predict tab; then a picture still works."""
    consumer = cast["consumer"]
    page = consumer.open(f"{cast.place('service')}/predict")
    send = page.locator("#predict [data-predict-send]")
    chosen = page.locator("#predict input[type=file]")
    top = page.locator("#predict [data-predict-top]")
    expect(send).to_be_disabled()

    def sent(response: Response) -> bool:  # the tab itself is redrawn from the same address
        return response.request.method == "PUT"

    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture")
    chosen.set_input_files(notes)
    with page.expect_response(sent) as answer:
        send.click()
    assert answer.value.status == 400
    expect(top).to_contain_text("notes.txt is not a picture")

    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    chosen.set_input_files(large)
    send.click()
    expect(top).to_contain_text("Larger than")
    assert "PUT" not in asked

    page.locator("#predict [data-predict-mode=json]").click()
    page.locator("#predict [data-predict-json]").fill('{"wrong": 1}')
    with page.expect_response(sent) as answer:
        send.click()
    assert answer.value.status == 400
    expect(top).to_contain_text("Field wrong")

    page.locator("#predict [data-predict-mode=file]").click()
    chosen.set_input_files(next((files / "heldout").glob("*.png")))
    send.click()
    expect(top).to_have_text(re.compile(r"^\d"))


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
    consumer.chip("Stopped")  # with a reason; the service stays its own
    expect(stale.locator("main")).to_contain_text("no longer shared with this account")


def test_both_trails_tell_it(cast: Cast) -> None:
    for who, events in {
        "owner": ("createResourceShare", "deleteResourceShare"),
        "consumer": ("acceptResourceShareInvitation", "addService", "accessDenied"),
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
