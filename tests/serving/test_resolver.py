"""The gateway's question, asked of the real database: every answer holds the present rights."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.db import transaction

from accounts import facts
from accounts.token.models import ApiToken
from accounts.user.models import User
from compute import environment
from compute.catalog.flavors import DEFAULT_FLAVOR
from core.models import AuditRecord
from serving.gateway.protocol import Batch, Caller, Count, Refusal, Target
from serving.gateway.resolver import resolve, store
from serving.service import instances, pass_on
from serving.service.models import Instance, Service, Traffic
from tests.accounts import make as accounts
from tests.contract.base import bearer
from tests.serving.make import running
from tests.storage.people import Person, root, statement, user

INFER = "modelarts:service:infer"


@pytest.fixture
def owner(db: None) -> Person:
    return root("serving-owner")


@pytest.fixture
def service(owner: Person) -> Service:
    made = running(owner.user.account_id)
    Instance.objects.create(service=made, number=2, state="Starting")
    return made


def ask(service: Any, text: str) -> Target | Refusal:
    return resolve(str(getattr(service, "pk", service)), f"Bearer {text}", "request-1")


def refused(answer: Target | Refusal) -> int:
    assert isinstance(answer, Refusal), answer
    return answer.status


def test_only_ready_instances_are_named(owner: Person, service: Service) -> None:
    answer = ask(service, bearer(owner))
    assert isinstance(answer, Target)
    ready = Instance.objects.get(service=service, state="Ready")
    assert [i.id for i in answer.instances] == [str(ready.pk)]
    assert len(answer.instances[0].socket_path) < 108


def test_the_operator_sets_the_largest_request(
    owner: Person, service: Service, settings: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(environment, "path", lambda engine: tmp_path)
    Service.objects.unscoped("test").filter(pk=service.pk).update(flavor=DEFAULT_FLAVOR)
    service.flavor = DEFAULT_FLAVOR
    settings.MODELYARD_MAX_PREDICTION_BYTES = 12345
    answer = ask(service, bearer(owner))
    assert isinstance(answer, Target) and answer.max_body == 12345
    instance = Instance.objects.get(service=service, state="Ready")
    argv = instances.run_spec(service, instance, tmp_path).argv
    assert argv[argv.index("--max-body") + 1] == "12345"


def test_nobody_and_nonsense(service: Service) -> None:
    for header in ("", "Bearer", "Bearer x", "Basic abc", f"Bearer my_{'a' * 12}_{'b' * 43}"):
        assert refused(resolve(str(service.pk), header, "r")) == 401


def test_strangers_learn_nothing(owner: Person, service: Service) -> None:
    other = bearer(root("elsewhere"))
    answers = [ask(service, other), ask(uuid.uuid4(), other), ask("no-uuid", other)]
    assert [refused(a) for a in answers] == [404, 404, 404]
    assert answers[0] == answers[1] == answers[2]


def test_a_reader_is_told_why(owner: Person, service: Service) -> None:
    reader = user(owner, "reader", [statement("Allow", "modelarts:service:get")])
    answer = ask(service, bearer(reader))
    assert refused(answer) == 403
    assert isinstance(answer, Refusal)
    assert answer.extra["explanation"]["missing"] == f"Allow {INFER}"
    assert AuditRecord.objects.get(result="denied").action == INFER
    blind = user(owner, "blind", [statement("Allow", "modelarts:model:get")])
    assert refused(ask(service, bearer(blind))) == 404


def test_every_change_of_rights_holds_on_the_next_request(owner: Person, service: Service) -> None:
    caller = user(owner, "caller", [statement("Allow", INFER)])
    text = bearer(caller)
    assert isinstance(ask(service, text), Target)

    accounts.attach(caller.user, statement("Deny", INFER))
    assert refused(ask(service, text)) in (403, 404)

    second = user(owner, "second", [statement("Allow", INFER)])
    text = bearer(second)
    assert isinstance(ask(service, text), Target)
    with transaction.atomic():
        User.objects.unscoped("test").filter(pk=second.user.pk).update(is_active=False)
        facts.bump(second.user.account_id)
    assert refused(ask(service, text)) == 401

    text = bearer(owner)
    assert isinstance(ask(service, text), Target)
    from django.utils import timezone

    ApiToken.objects.filter(user=owner.user).update(revoked_at=timezone.now())
    assert refused(ask(service, text)) == 401


@pytest.mark.parametrize(
    ("key", "column"),
    [("g:EnterpriseProjectId", "enterprise_project_id"), ("g:WorkspaceId", "workspace_id")],
)
def test_a_deny_on_the_place_of_the_service_acts(
    owner: Person, service: Service, key: str, column: str
) -> None:
    asked = {"Condition": {"StringEquals": {key: ["w1"]}}}
    rights = [statement("Allow", INFER), statement("Deny", INFER) | asked]
    text = bearer(user(owner, "elsewhere", rights))
    assert isinstance(ask(service, text), Target)
    Service.objects.unscoped("test").filter(pk=service.pk).update(**{column: "w1"})
    assert refused(ask(service, text)) in (403, 404)


@pytest.mark.parametrize(
    ("away", "here", "there"),
    [
        ({"IpAddress": {"g:SourceIp": ["192.0.2.0/24"]}}, {}, {"address": "192.0.2.7"}),
        ({"Bool": {"g:SecureTransport": ["false"]}}, {"secure": True}, {"secure": False}),
        ({"StringLike": {"g:UserAgent": ["curl*"]}}, {}, {"user_agent": "curl/8"}),
        ({"StringLike": {"g:Referer": ["http://x/*"]}}, {}, {"referer": "http://x/y"}),
    ],
)
def test_policies_may_ask_where_the_caller_is(
    owner: Person, service: Service, away: Any, here: Any, there: Any
) -> None:
    """A Deny by address, transport, client or page holds at the gateway as it does in the API."""
    caller = user(
        owner,
        "caller",
        [statement("Allow", INFER), {**statement("Deny", INFER), "Condition": away}],
    )
    text = bearer(caller)
    header = f"Bearer {text}"
    assert isinstance(
        resolve(str(service.pk), header, "r", Caller(**{"address": "198.51.100.7", **here})), Target
    )
    answer = resolve(str(service.pk), header, "r", Caller(**there))
    assert isinstance(answer, Refusal) and answer.status in (403, 404)


def test_no_instance_says_so(owner: Person, service: Service) -> None:
    Instance.objects.filter(service=service).update(state="Ended")
    answer = ask(service, bearer(owner))
    assert refused(answer) == 503
    assert isinstance(answer, Refusal) and answer.headers["retry-after"]


class TestPageBearer:
    """The word of the console for one call from a page."""

    def test_it_stands_for_its_user_while_a_call_lasts(
        self, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = pass_on.make(owner.actor, service.pk)
        assert isinstance(ask(service, text), Target)
        now = time.time()
        monkeypatch.setattr(signing.time, "time", lambda: now + pass_on.SECONDS + 1)
        assert refused(ask(service, text)) == 401

    def test_it_cannot_be_made_up(self, owner: Person, service: Service) -> None:
        text = pass_on.make(owner.actor, service.pk)
        assert refused(ask(service, text[:-2] + "xx")) == 401
        forged = signing.TimestampSigner(key="other", salt=pass_on.SALT).sign_object(
            {"user": str(owner.user.pk)}
        )
        assert refused(ask(service, pass_on.PREFIX + forged)) == 401

    def test_it_is_no_token_of_the_api(self, owner: Person, service: Service, client: Any) -> None:
        text = pass_on.make(owner.actor, service.pk)
        answer = client.get("/api/v1/services", HTTP_AUTHORIZATION=f"Bearer {text}")
        assert answer.status_code == 401

    def test_it_is_for_one_service(self, owner: Person, service: Service) -> None:
        text = pass_on.make(owner.actor, uuid.uuid4())
        assert refused(ask(service, text)) == 401

    def test_it_dies_with_its_user(self, owner: Person, service: Service) -> None:
        caller = user(owner, "caller", [statement("Allow", INFER)])
        text = pass_on.make(caller.actor, service.pk)
        assert isinstance(ask(service, text), Target)
        User.objects.unscoped("test").filter(pk=caller.user.pk).update(is_active=False)
        assert refused(ask(service, text)) == 401


def test_counts_are_kept_for_services_that_exist(service: Service) -> None:
    count = Count(requests=3, seconds=0.6, histogram=[3, *[0] * 13])
    store(
        Batch(
            1000.0,
            1005.0,
            {
                (str(service.pk), "", 200): count,
                (str(uuid.uuid4()), "", 200): count,
                ("-", "", 404): count,
            },
        )
    )
    row = Traffic.objects.get()
    assert (row.service_id, row.requests, row.status, row.seconds) == (service.pk, 3, 200, 5.0)
