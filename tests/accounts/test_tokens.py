"""Tokens and credentials: what is kept, what they may, when they end."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import facts
from accounts.agency.models import Agency
from accounts.services import (
    agency_for,
    authenticate_bearer,
    issue_credential,
    revoke_credentials,
)
from accounts.token import services, uses
from accounts.token.models import ApiToken
from accounts.user.models import User
from core.access import decide
from core.errors import (
    AccessDenied,
    Conflict,
    NotAuthenticated,
    NotFound,
    QuotaExceeded,
    ValidationFailed,
)
from core.services import perform
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
JOB = "training.trainingjob:1"


def bearer(text, **more):
    return authenticate_bearer(f"Bearer {text}", **more)


@pytest.fixture
def li():
    return make.user(make.account(), "li")


class TestApiTokens:
    def test_form_and_what_is_kept(self, li):
        token, text = services.create(make.actor(li), "script")
        assert re.fullmatch(r"my_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}", text)
        kept = ""
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                kept += str(cursor.fetchall())
        assert token.prefix in kept
        assert text[16:] not in kept

    def test_it_stands_for_its_user_and_asks_one_indexed_query(self, li, django_assert_num_queries):
        _token, text = services.create(make.actor(li), "script")
        bearer(text)  # notes the first use
        with django_assert_num_queries(1) as captured:
            actor = bearer(text, source_ip="192.0.2.1", request_id="r1", region="cn-east-1")
        assert (actor.user_id, actor.account_id, actor.via) == (li.pk, li.account_id, "token")
        assert (actor.source_ip, actor.request_id, actor.region) == ("192.0.2.1", "r1", "cn-east-1")
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
                plan = " ".join(str(row) for row in cursor.fetchall())
            assert "SCAN" not in plan

    def test_last_use_is_noted_once_a_minute(self, li):
        token, text = services.create(make.actor(li), "script")
        bearer(text, source_ip="192.0.2.1")
        token.refresh_from_db()
        first = token.last_used_at
        assert token.last_used_ip == "192.0.2.1"
        bearer(text, source_ip="192.0.2.2")
        token.refresh_from_db()
        assert token.last_used_at == first
        ApiToken.objects.update(last_used_at=timezone.now() - uses.EVERY - dt.timedelta(seconds=1))
        bearer(text, source_ip="192.0.2.2")
        token.refresh_from_db()
        assert token.last_used_ip == "192.0.2.2"

    def test_everything_wrong_reads_the_same(self, li):
        _token, text = services.create(make.actor(li), "script")
        other = services.create(make.actor(li), "other")[1]
        ended, end = services.create(make.actor(li), "ended")
        ApiToken.objects.filter(pk=ended.pk).update(expires_at=timezone.now())
        gone, revoked = services.create(make.actor(li), "gone")
        services.revoke(make.actor(li), gone.pk)
        wrong = [
            "",
            "Bearer",
            f"Basic {text}",
            "Bearer my_x",
            f"Bearer {text[:-1]}x" if text[-1] != "x" else f"Bearer {text[:-1]}y",
            f"Bearer {text[:16]}{other[16:]}",
            f"Bearer {end}",
            f"Bearer {revoked}",
            "Bearer my_" + "é" * 56,
        ]
        said = set()
        for header in wrong:
            with pytest.raises(NotAuthenticated) as caught:
                authenticate_bearer(header)
            said.add(str(caught.value))
        assert len(said) == 1
        User.objects.unscoped("test").filter(pk=li.pk).update(is_active=False)
        with pytest.raises(NotAuthenticated):
            bearer(text)

    def test_rights_are_those_at_the_time_of_use(self, li):
        _token, text = services.create(make.actor(li), "script")
        assert not decide(bearer(text), "modelarts:model:get").allowed
        make.attach(li, statement("Allow", "modelarts:model:get"))
        assert decide(bearer(text), "modelarts:model:get").allowed

    def test_limits(self, li):
        actor = make.actor(li)
        for name, lifetime in (("", dt.timedelta(days=1)), ("x", dt.timedelta(days=366))):
            with pytest.raises(ValidationFailed):
                services.create(actor, name, lifetime=lifetime)
        for number in range(services.MAX_TOKENS):
            services.create(actor, f"t{number}")
        with pytest.raises(QuotaExceeded):
            services.create(actor, "one more")

    def test_nobody_elses(self, li):
        token, _text = services.create(make.actor(li), "script")
        wu = make.actor(make.user(li.account))
        assert services.own_tokens(wu) == []
        with pytest.raises(NotFound):
            services.revoke(wu, token.pk)
        with pytest.raises(NotFound):
            services.revoke(make.actor(make.root_of(li.account)), "no uuid")


class TestCredentials:
    @pytest.fixture
    def agency(self, li):
        make.attach(li, statement("Allow", "obs:object:*"))
        return make.agency(li.account, statement("Allow", "obs:object:GetObject"))

    def test_agency_and_user(self, li, agency):
        actor = bearer(issue_credential(li, agency, JOB, dt.timedelta(hours=1)))
        assert (actor.via, actor.agency_id, actor.bound_to) == ("credential", agency.pk, JOB)
        assert decide(actor, "obs:object:GetObject").allowed
        assert decide(actor, "obs:object:PutObject").step == "agency"
        assert not decide(actor, "obs:bucket:ListBucket").allowed

    def test_ends_with_the_job_and_only_this_jobs(self, li, agency):
        one = issue_credential(li, agency, JOB, 3600)
        two = issue_credential(li, agency, JOB + "0", 3600)
        assert revoke_credentials(JOB) == 1
        with pytest.raises(NotAuthenticated):
            bearer(one)
        assert bearer(two).bound_to == JOB + "0"
        assert revoke_credentials("") == 0

    def test_never_longer_than_twelve_hours_or_than_the_agency(self, li, agency):
        for ttl in (0, 12 * 3600 + 1, dt.timedelta(days=1)):
            with pytest.raises(ValidationFailed):
                issue_credential(li, agency, JOB, ttl)
        soon = timezone.now() + dt.timedelta(minutes=5)
        Agency.objects.unscoped("test").filter(pk=agency.pk).update(expires_at=soon)
        agency.refresh_from_db()
        issue_credential(li, agency, JOB, 3600)
        assert ApiToken.objects.latest("created_at").expires_at == soon

    def test_not_for_somebody_elses_or_an_ended_agency(self, li, agency):
        foreign = make.agency(make.account())
        personal = make.agency(li.account, grantee=make.user(li.account))
        revoked = make.agency(li.account, revoked_at=timezone.now())
        for wrong in (foreign, personal, revoked):
            with pytest.raises(Conflict):
                issue_credential(li, wrong, JOB, 3600)

    def test_cannot_turn_itself_into_a_lasting_token(self, li):
        everything = make.agency(li.account, statement("Allow", "*:*:*"))
        actor = bearer(issue_credential(li, everything, JOB, 3600))
        with pytest.raises(AccessDenied):
            services.create(actor, "forever")

    def test_revoking_the_agency_stops_it_at_once(self, li, agency):
        actor = bearer(issue_credential(li, agency, JOB, 3600))
        assert decide(actor, "obs:object:GetObject").allowed
        with transaction.atomic():
            Agency.objects.unscoped("test").filter(pk=agency.pk).update(revoked_at=timezone.now())
            facts.bump(li.account_id)
        assert decide(actor, "obs:object:GetObject").step == "agency"

    def test_the_users_own_agency_comes_before_the_accounts(self, li, agency):
        own = make.agency(li.account, grantee=li)
        assert agency_for(li) == own
        assert agency_for(make.user(li.account)) == agency
        Agency.objects.unscoped("test").update(expires_at=timezone.now())
        assert agency_for(li) is None


class TestApi:
    def test_a_token_beats_a_session_and_needs_no_csrf(self, li):
        root = make.root_of(li.account)
        _token, text = services.create(make.actor(li), "script")
        client = Client(enforce_csrf_checks=True)
        client.force_login(root)
        head = {"Authorization": f"Bearer {text}"}
        assert client.get("/api/v1/me", headers=head).json()["user"]["name"] == "li"
        made = client.post(
            "/api/v1/tokens", {"name": "t"}, content_type="application/json", headers=head
        )
        assert made.status_code == 201

    def test_a_refused_token_is_401_even_with_a_session(self, li):
        client = Client()
        client.post(
            "/sign-in", {"account": li.account.name, "user": "li", "password": make.PASSWORD}
        )
        answer = client.get("/api/v1/me", headers={"Authorization": "Bearer my_nonsense"})
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")

    def test_a_session_needs_csrf_for_writing(self, li):
        client = Client(enforce_csrf_checks=True)
        plain = Client()
        plain.post(
            "/sign-in", {"account": li.account.name, "user": "li", "password": make.PASSWORD}
        )
        client.cookies = plain.cookies
        assert client.get("/api/v1/me").status_code == 200
        answer = client.post("/api/v1/tokens", {"name": "t"}, content_type="application/json")
        assert answer.status_code == 403

    def test_a_token_is_no_sign_in_to_pages(self, li):
        _token, text = services.create(make.actor(li), "script")
        answer = Client().get("/security", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in")

    def test_list_and_revoke(self, li):
        token, text = services.create(make.actor(li), "script")
        client, head = Client(), {"Authorization": f"Bearer {text}"}
        listed = client.get("/api/v1/tokens", headers=head).json()["items"]
        assert [t["name"] for t in listed] == ["script"]
        assert "digest" not in listed[0]
        gone = client.delete(f"/api/v1/tokens/{token.pk}", headers=head)
        assert gone.status_code == 204
        assert client.get("/api/v1/me", headers=head).status_code == 401


def test_what_is_over_is_forgotten_and_what_is_in_force_stays(li):
    from accounts.tasks import forget

    keep, _text = services.create(make.actor(li), "keep")
    old, _text = services.create(make.actor(li), "old")
    ApiToken.objects.filter(pk=old.pk).update(expires_at=timezone.now() - dt.timedelta(days=31))
    assert forget() == 1
    assert list(ApiToken.objects.values_list("pk", flat=True)) == [keep.pk]


def test_tokens_and_sessions_of_a_disabled_user_end_for_good(li):
    _token, text = services.create(make.actor(li), "script")
    root = make.actor(make.root_of(li.account))
    browser = Client()
    browser.post("/sign-in", {"account": li.account.name, "user": "li", "password": make.PASSWORD})
    assert browser.get("/api/v1/me").status_code == 200
    for verb in ("disable", "enable"):
        perform(root, li, verb, {})
        with pytest.raises(NotAuthenticated):
            bearer(text)
        assert browser.get("/api/v1/me").status_code == 401
    assert bearer(services.create(make.actor(li), "new")[1]).user_id == li.pk


def test_enabling_ends_what_was_left_of_a_user_disabled_by_an_older_release(li):
    _token, text = services.create(make.actor(li), "script")
    User.objects.unscoped("test").filter(pk=li.pk).update(is_active=False)
    perform(make.actor(make.root_of(li.account)), li, "enable", {})
    with pytest.raises(NotAuthenticated):
        bearer(text)
