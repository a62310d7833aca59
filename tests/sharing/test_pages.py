"""Pages of sharing: the confirmation says what is granted, and only a POST answers."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from console.ui.format import exact_time
from registry.model.models import ModelGrant
from sharing.invitation.models import Invitation
from sharing.unit.models import ShareUnit
from tests.sharing.conftest import (
    KIND,
    Tenant,
    accepted,
    browser,
    invitation_of,
    model_of,
    share,
)

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def hidden(html: str) -> dict[str, list[str]]:
    """Names and values of the hidden inputs in the main form of a page."""
    found: dict[str, list[str]] = {}
    main = html[html.index('<form class="form-main"') :]
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', main):
        found.setdefault(name, []).append(value.replace("&quot;", '"'))
    found.pop("csrfmiddlewaretoken", None)
    return found


def form_data(model, *accounts: Tenant, **more: str) -> dict[str, object]:
    return {
        "name": "for-friends",
        "resources": [f"{KIND}:{model.pk}"],
        f"permission-{KIND}": "ModelUse",
        "principals": " ".join(a.id for a in accounts),
        "once": "once-1",
        **more,
    }


def text_of(response) -> str:
    return response.content.decode()


def test_create_in_one_form_and_a_confirmation(owner, consumer: Tenant, model) -> None:
    client = browser(owner)
    page = client.get("/share-units/new")
    assert page.status_code == 200
    assert f"{KIND}:{model.pk}" in text_of(page) and "ModelUse" in text_of(page)

    asked = client.post("/share-units/new", form_data(model, consumer))
    html = text_of(asked)
    assert asked.status_code == 200 and not ShareUnit.objects.unscoped("test").exists()
    for said in ("digits 0.0.1", consumer.id, "modelarts:model:deploy", "never"):
        assert said in html
    assert "modelarts:model:finetune" not in html

    kept = hidden(html)
    back = client.post("/share-units/new", {**kept, "back": "1"})
    assert "for-friends" in text_of(back) and consumer.id in text_of(back)

    done = client.post("/share-units/new", kept)
    unit = ShareUnit.objects.unscoped("test").get()
    assert done.status_code == 302 and done["Location"] == f"/share-units/{unit.pk}"
    assert unit.principals.get().state == "ASSOCIATING"
    again = client.post("/share-units/new", kept)  # a double click
    assert again["Location"] == done["Location"]
    assert ShareUnit.objects.unscoped("test").count() == 1


def test_what_was_not_shown_is_not_done(owner, consumer, stranger: Tenant, model) -> None:
    client = browser(owner)
    seal = hidden(text_of(client.post("/share-units/new", form_data(model, consumer))))
    more = form_data(model, consumer, stranger, confirmed=seal["confirmed"][0])
    asked = client.post("/share-units/new", more)
    assert asked.status_code == 200 and stranger.id in text_of(asked)
    assert not ShareUnit.objects.unscoped("test").exists()


def test_errors_keep_what_was_typed(owner: Tenant, model) -> None:
    client = browser(owner)
    answer = client.post(
        "/share-units/new", {**form_data(model), "principals": f"{owner.id} 12", "name": "kept"}
    )
    html = text_of(answer)
    assert answer.status_code == 400
    assert "kept" in html and "your own account" in html and "“12” is not the id" in html


def test_the_unit_page_and_its_tabs(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    client = browser(owner)
    assert "Waiting" in text_of(client.get(f"/share-units/{unit.pk}/principals"))
    accepted(unit, consumer)
    html = text_of(client.get(f"/share-units/{unit.pk}/principals"))
    assert "Associated" in html and consumer.root_user.name in html
    assert "digits 0.0.1" in text_of(client.get(f"/share-units/{unit.pk}/resources"))
    assert "modelarts:model:infer" in text_of(client.get(f"/share-units/{unit.pk}/permission"))
    for tab in ("", "/activity", "/access", "/tags"):
        assert client.get(f"/share-units/{unit.pk}{tab}").status_code == 200


def test_edit_asks_before_taking_away(owner, consumer: Tenant, model) -> None:
    second = model_of(owner, "second")
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    client, url = browser(owner), f"/share-units/{unit.pk}/edit"
    assert client.get(url).status_code == 200
    unit.refresh_from_db()
    change = {
        "name": "renamed",
        "resources": [f"{KIND}:{second.pk}"],
        "principals": consumer.id,
        "version": unit.version,
    }
    asked = client.post(url, change)
    html = text_of(asked)
    assert asked.status_code == 200 and ModelGrant.objects.filter(content_object=model).exists()
    assert f"Account {consumer.id} loses" in html and "digits 0.0.1" in html
    assert "second 0.0.1" in html and "at once" in html
    done = client.post(url, hidden(html))
    assert done.status_code == 302
    assert not ModelGrant.objects.filter(content_object=model).exists()
    assert ModelGrant.objects.filter(content_object=second).count() == 4
    renamed = client.post(url, {**change, "name": "plain", "version": ""})
    assert renamed.status_code == 302  # nothing comes or goes, so nothing is asked


def test_delete_shows_who_loses_what(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    client, url = browser(owner), f"/share-units/{unit.pk}/delete"
    assert f"Account {consumer.id} loses" in text_of(client.get(url))
    assert client.post(url, {"typed": unit.name}).status_code == 302
    assert not ModelGrant.objects.exists()
    assert unit.name not in re.sub(r"(?s)toast.*", "", text_of(client.get("/share-units")))
    assert unit.name in text_of(client.get("/share-units?phase=DELETED"))


def test_shared_with_me_reads_before_it_accepts(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    client = browser(consumer)
    html = text_of(client.get("/share-invitations"))
    assert unit.name in html and "digits 0.0.1" in html and "deploy it" in html
    one = text_of(client.get(f"/share-invitations/{invitation.pk}"))
    assert owner.id in one and "modelarts:model:deploy" in one and "region cn-north-1" in one
    assert client.get(f"/models/{model.pk}").status_code == 404

    accept = f"/share-invitations/{invitation.pk}/do/accept"
    assert client.get(accept).status_code == 200
    assert invitation_of(unit, consumer).phase == "PENDING"
    for _click in range(2):
        assert client.post(accept).status_code == 302
    assert invitation_of(unit, consumer).phase == "ACCEPTED"
    assert client.get(f"/models/{model.pk}").status_code == 200
    assert "digits" in text_of(client.get("/models?scope=shared"))

    leave = f"/share-invitations/{invitation.pk}/do/leave"
    assert "Your account loses" in text_of(client.get(leave))
    assert client.post(leave).status_code == 302
    assert client.get(f"/models/{model.pk}").status_code == 404
    assert "Left" in text_of(client.get("/share-invitations"))
    assert "digits" not in text_of(client.get(f"/share-invitations/{invitation.pk}"))


def test_a_share_taken_back_does_not_read_as_healthy(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    url = f"/share-invitations/{invitation_of(unit, consumer).pk}"
    client = browser(consumer)
    assert "Answer until" in text_of(client.get(url))
    accepted(unit, consumer)
    html = text_of(client.get(url))
    assert "Answer until" not in html and "do/accept" not in html and "do/reject" not in html
    assert ">Accept<" not in html and "Associated" in html and "do/leave" in html
    browser(owner).post(f"/share-units/{unit.pk}/delete", {"typed": unit.name})
    html = text_of(client.get(url))
    assert "The owner took this share back; what you made with it stays." in html
    assert "do/leave" not in html and ">Leave<" not in html
    for page in (html, text_of(client.get("/")), text_of(client.get("/share-invitations"))):
        chip = re.search(
            r'<span class="chip chip-([a-z]+)[^>]*data-phase="ACCEPTED"[^>]*>.*?</span>', page
        )
        assert chip is not None and chip[1] == "grey"
        assert "Associated" not in chip[0] + page[chip.end() : chip.end() + 60]


def test_reject_with_a_reason(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    client = browser(consumer)
    url = f"/share-invitations/{invitation_of(unit, consumer).pk}/do/reject"
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": "x" * 201}).status_code == 400
    assert client.post(url, {"reason": "no need"}).status_code == 302
    html = text_of(browser(owner).get(f"/share-units/{unit.pk}/principals"))
    assert "Rejected" in html and "no need" in html


def test_banner_and_badge_tell_who_may_answer(owner, consumer: Tenant, model) -> None:
    share(owner, [model], [consumer])
    html = text_of(browser(consumer).get("/models"))
    assert "1 share invitation waits" in html and "Handle now" in html
    assert "share invitation waits" not in text_of(browser(owner).get("/models"))
    nobody = consumer.user("nobody", "ModelArts FullAccess")
    plain = browser(consumer, consumer.users[nobody.username])
    assert "share invitation waits" not in text_of(plain.get("/models"))


def test_others_get_404(owner, consumer, stranger: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    for who in (consumer, stranger):
        client = browser(who)
        for page in ("", "/principals", "/edit", "/delete"):
            assert client.get(f"/share-units/{unit.pk}{page}").status_code == 404
    for who in (owner, stranger):
        client = browser(who)
        url = f"/share-invitations/{invitation.pk}"
        assert client.get(url).status_code == 404
        assert client.post(f"{url}/do/accept").status_code == 404
    assert Client().get(f"/share-units/{unit.pk}").status_code == 302
    assert Invitation.objects.unscoped("test").get().phase == "PENDING"


def test_only_published_models_are_offered(owner: Tenant, model) -> None:
    broken = model_of(owner, "broken")
    type(broken).objects.unscoped("test").filter(pk=broken.pk).update(phase="Failed")
    client = browser(owner)
    html = text_of(client.get("/share-units/new"))
    assert f"{KIND}:{model.pk}" in html and str(broken.pk) not in html
    refused = client.post("/share-units/new", form_data(broken))
    assert refused.status_code == 400 and not ShareUnit.objects.unscoped("test").exists()
    page = text_of(client.get(f"/models/{broken.pk}"))
    assert "Only a published model can be shared." in page and "/share-units/new" not in page
    assert "/share-units/new" in text_of(client.get(f"/models/{model.pk}"))


def test_invitations_are_filtered_by_the_status_shown(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    client = browser(consumer)
    expires = exact_time(invitation_of(unit, consumer).expires_at)
    assert f"Answer until {expires}" in text_of(client.get("/share-invitations"))
    accepted(unit, consumer)
    row = f"/share-invitations/{invitation_of(unit, consumer).pk}"

    def found() -> set[str]:
        phases = ("ACCEPTED", "LEFT", "REMOVED", "PENDING")
        pages = {phase: client.get(f"/share-invitations?phase={phase}") for phase in phases}
        return {phase for phase, page in pages.items() if row in text_of(page)}

    assert found() == {"ACCEPTED"}
    client.post(f"{row}/do/leave")
    assert found() == {"LEFT"}
