"""The card of a service that failed: the program's own words, and steps that lead somewhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context
from django.template.loader import render_to_string
from django.test import RequestFactory

from console import screens
from registry.model.models import Model
from serving.service import reconcile
from serving.service.models import Instance, Service
from serving.templatetags.service import service_failure
from tests.serving import make
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.django_db
LOG = [
    'MODELYARD_STATUS {"stage": "starting"}',
    "listening on 8000",
    'MODELYARD_LOAD_FAILED {"reason": "PORT_CLOSED"}',
]


@pytest.fixture
def owner() -> Person:
    return people.root("host")


@pytest.fixture
def service(owner: Person) -> Service:
    """A service whose program listens on another port than config.json says."""
    account = owner.user.account_id
    model = Model.objects.create(
        account_id=account,
        region="cn-north-1",
        name="digits",
        source={"bucket": "code", "prefix": "v1/"},
    )
    made = make.running(account)
    made.model, made.phase, made.reason = model, "Failed", "PORT_CLOSED"
    made.detail = {
        "next": "Write `port`.",
        "exit_code": 78,
        "log_tail": LOG,
        "proof": {"port": 8080, "listening": ["0.0.0.0:8000"], "tried": "127.0.0.2:8080"},
    }
    made.save()
    return made


def card(service: Service, reader: Person) -> dict[str, Any]:
    request = RequestFactory().get("/")
    request.actor = reader.actor  # type: ignore[attr-defined]
    found = service_failure(Context({"request": request}), service)
    assert found is not None
    return found


def test_the_platforms_own_lines_and_exit_code_stay_out(service: Service, owner: Person) -> None:
    shown = card(service, owner)
    assert shown["code"] == "listening on 8000"
    proof = {str(row["label"]): row["html"] for row in shown["proof"]}
    assert "Exit code" not in proof
    assert "from outside" in proof["Address tried"] and "127.0.0.2:8080" in proof["Address tried"]
    service.reason = "SERVICE_EXITED"
    assert "78" in [row["html"] for row in card(service, owner)["proof"]]


def test_a_step_leads_to_the_form_of_the_new_version(service: Service, owner: Person) -> None:
    last = card(service, owner)["steps"][-1]
    assert last["url"] == "/models/new?name=digits&bucket=code&prefix=v1%2F"
    assert "new service" in last["text"]
    page = render_to_string("ui/failure.html", {"card": card(service, owner)})
    assert last["url"].replace("&", "&amp;") in page
    reader = people.user(owner, "reader", [])
    assert "url" not in card(service, reader)["steps"][-1]
    service.reason = "OOM_HOST"
    assert len(card(service, owner)["steps"]) == 1, "another flavor mends it, not another package"


@pytest.mark.parametrize("reason, advised", [("PORT_CLOSED", True), ("HEALTH_STARTUP", False)])
def test_a_deployment_says_what_to_do_and_how_long_it_goes_on(
    service: Service, reason: str, advised: bool
) -> None:
    service.phase, service.detail = "Deploying", {}
    service.save()
    one = Instance.objects.get(service=service)
    one.state, one.message, one.detail = "Starting", "Listens elsewhere.", {"diagnosis": reason}
    reconcile._judge(service, 0, [one])
    service.refresh_from_db()
    assert service.message == "Listens elsewhere."
    assert "20 minutes" in service.detail["next"]
    assert ("config.json" in service.detail["next"]) is advised


def test_the_list_has_no_column_as_wide_as_an_address() -> None:
    assert "address" not in [column.name for column in screens.of_type(Service).columns]
