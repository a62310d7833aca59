"""Sign-in, passwords, throttling, sessions: through the pages and the API."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.account.models import Account
from accounts.session import services as sessions
from accounts.session.models import SignInSession
from accounts.signin import passwords, throttle
from accounts.signin.models import SignInThrottle
from accounts.token.models import ApiToken
from accounts.user import services as users
from accounts.user.models import User
from core.errors import TooManyRequests, ValidationFailed
from core.models import AuditRecord
from tests.accounts import make
from tests.accounts.make import PASSWORD

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
NEW = "a quite different sentence"


def sign_in(client, account, user="", password=PASSWORD, **more):
    return client.post("/sign-in", {"account": account, "user": user, "password": password, **more})


def signed_in(client):
    return client.get("/security").status_code == 200


class TestMatrix:
    def test_main_account_by_name_in_any_case_and_by_id(self):
        owner = make.account("Widgets")
        for account, user in (
            ("Widgets", ""),
            ("wIDGETS", ""),
            (owner.pk, ""),
            (owner.pk, "Widgets"),
        ):
            client = Client()
            answer = sign_in(client, account, user)
            assert answer.status_code == 302, (account, user)
            assert signed_in(client)

    def test_user_in_his_account_only(self):
        one, two = make.account(), make.account()
        make.user(one, "li")
        assert sign_in(Client(), one.name, "li").status_code == 302
        assert sign_in(Client(), two.name, "li").status_code == 401

    def test_every_failure_reads_the_same(self):
        owner = make.account("Failing")
        make.user(owner, "li")
        make.user(owner, "off", is_active=False)
        make.user(owner, "late", password_expires_at=timezone.now() - dt.timedelta(seconds=1))
        asleep = make.account("Asleep", operator=False)
        Account.objects.filter(pk=asleep.pk).update(is_active=False)
        tries = [
            ("Failing", "li", "wrong"),
            ("Failing", "nobody", PASSWORD),
            ("Nothing", "li", PASSWORD),
            ("Failing", "off", PASSWORD),
            ("Failing", "late", PASSWORD),
            ("Asleep", "", PASSWORD),
        ]
        answers = []
        for account, user, password in tries:
            answer = Client().post(
                "/api/v1/auth/tokens",
                {"account": account, "user": user, "password": password},
                content_type="application/json",
            )
            body = answer.json()
            answers.append((answer.status_code, body["error_code"], body["error_msg"]))
        assert len(set(answers)) == 1
        assert answers[0][:2] == (401, "SIGN_IN_FAILED")

    def test_unknown_user_and_wrong_password_both_cost_one_hash(self, settings, monkeypatch):
        from django.contrib.auth.hashers import MD5PasswordHasher

        calls = []
        encode = MD5PasswordHasher.encode
        monkeypatch.setattr(
            MD5PasswordHasher,
            "encode",
            lambda self, *a, **k: calls.append(1) or encode(self, *a, **k),
        )
        owner = make.account()
        make.user(owner, "li")
        counts = []
        for user in ("li", "nobody"):
            calls.clear()
            sign_in(Client(), owner.name, user, "wrong")
            counts.append(len(calls))
        assert counts == [1, 1]

    def test_argon2_is_what_runs_outside_tests(self):
        assert "Argon2" in django_settings.PASSWORD_HASHERS[-2]

    def test_failures_and_successes_are_in_the_trail_without_the_password(self):
        owner = make.account()
        make.user(owner, "li")
        sign_in(Client(), owner.name, "li", "a secret typed wrong")
        sign_in(Client(), owner.name, "li")
        rows = AuditRecord.objects.filter(event="login", account=owner)
        assert [r.result for r in rows.order_by("id")] == ["failed", "ok"]
        everything = json.dumps(list(AuditRecord.objects.values()), default=str)
        assert "typed wrong" not in everything
        assert PASSWORD not in everything

    def test_next_never_leaves_this_host(self):
        owner = make.account()
        assert sign_in(Client(), owner.name, next="/datasets")["Location"] == "/datasets"
        for evil in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
            assert sign_in(Client(), owner.name, next=evil)["Location"] == "/"


@pytest.mark.usefixtures("no_time_passes")
class TestThrottle:
    def test_guessing_gets_slow_and_never_locks_for_good(self):
        owner = make.account()
        make.user(owner, "li")
        codes = [
            sign_in(Client(), owner.name, "li", f"guess {i}").status_code
            for i in range(throttle.FREE["user"] + 2)
        ]
        assert codes[: throttle.FREE["user"]] == [401] * throttle.FREE["user"]
        assert codes[-1] == 429
        refused = sign_in(Client(), owner.name, "li")
        assert refused.status_code == 429
        assert 0 < int(refused["Retry-After"]) <= throttle.LONGEST["user"] + 1
        SignInThrottle.objects.update(blocked_until=timezone.now() - dt.timedelta(seconds=1))
        assert sign_in(Client(), owner.name, "li").status_code == 302

    def test_the_delay_grows_to_a_bound(self):
        key, waits = throttle.key_of("user", "grow"), []
        for _ in range(20):
            SignInThrottle.objects.filter(key=key).update(blocked_until=None)
            throttle.begin(key)
            row = SignInThrottle.objects.get(key=key)
            if row.blocked_until:
                waits.append((row.blocked_until - row.updated_at).total_seconds())
        assert waits == sorted(waits)
        assert waits[0] == 1.0
        assert waits[-1] == throttle.LONGEST["user"]

    def test_one_address_trying_many_users_is_slowed_too(self):
        owner = make.account()
        for i in range(throttle.FREE["ip"]):
            sign_in(Client(), owner.name, f"nobody{i}", "x")
        assert sign_in(Client(), owner.name, "nobody-else", "x").status_code == 429
        assert sign_in(Client(REMOTE_ADDR="198.51.100.7"), owner.name).status_code == 302

    def test_a_known_device_gets_in_while_somebody_else_is_guessing(self):
        owner = make.account()
        make.user(owner, "li")
        mine = Client(REMOTE_ADDR="198.51.100.1")
        assert sign_in(mine, owner.name, "li").status_code == 302
        mine.post("/sign-out")
        for i in range(throttle.FREE["user"] + 1):
            sign_in(Client(REMOTE_ADDR="203.0.113.9"), owner.name, "li", f"guess {i}")
        stranger = Client(REMOTE_ADDR="198.51.100.2")
        assert sign_in(stranger, owner.name, "li").status_code == 429
        assert sign_in(mine, owner.name, "li").status_code == 302

    def test_success_does_not_clean_an_address(self):
        address = throttle.key_of("ip", "203.0.113.1")
        for _ in range(3):
            throttle.begin(address)
        throttle.succeeded(address)
        assert SignInThrottle.objects.get(key=address).failures == 2

    def test_the_table_holds_no_names(self):
        sign_in(Client(), "my password by mistake", "another secret", "x")
        text = json.dumps(list(SignInThrottle.objects.values()), default=str)
        assert "mistake" not in text
        assert "another" not in text

    def test_waiting_is_said_in_seconds(self):
        key = throttle.key_of("user", "wait")
        SignInThrottle.objects.create(
            key=key,
            blocked_until=timezone.now() + dt.timedelta(seconds=30),
            updated_at=timezone.now(),
        )
        with pytest.raises(TooManyRequests) as caught:
            throttle.begin(key)
        assert 29 <= caught.value.extra["retry_after"] <= 31


class TestPasswordRule:
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("fourteen chars", "PASSWORD_SHORT"),
            ("x" * 257, "PASSWORD_LONG"),
            ("aaaaaaaaaaaaaaaaaaaa", "PASSWORD_COMMON"),
            ("abcabcabcabcabcabc", "PASSWORD_COMMON"),
            ("passwordpasswordpassword", "PASSWORD_COMMON"),
            ("Modelyard-acme-2024", "PASSWORD_CONTEXT"),
            ("acmeacmeacme-lilili", "PASSWORD_CONTEXT"),
        ],
    )
    def test_refused_with_the_reason(self, password, code):
        with pytest.raises(ValidationFailed) as caught:
            passwords.check(password, account="acme", username="li")
        assert [p.code for p in caught.value.problems] == [code]

    @pytest.mark.parametrize(
        "password",
        [
            "five words with blanks in",
            "中文口令可以有空格也可以很长很长",
            "q" * 3 + "-long unlikely text" * 13,
        ],
    )
    def test_any_character_and_any_length_up_to_256(self, password):
        passwords.check(password, account="acme", username="li")

    def test_one_password_from_two_keyboards(self):
        li = make.user(make.account())
        li.set_password("ｆｕｌｌ width sentence é")
        assert li.check_password("full width sentence e\u0301")

    def test_a_temporary_password_obeys_the_rule(self):
        made = {passwords.temporary() for _ in range(50)}
        assert len(made) == 50
        for password in made:
            passwords.check(password, account="acme", username="li")


class TestSessions:
    def test_the_session_id_changes_at_sign_in(self):
        owner = make.account()
        client = Client()
        client.get("/sign-in")
        planted = client.session
        planted["x"] = 1
        planted.save()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = planted.session_key
        sign_in(client, owner.name)
        assert client.session.session_key != planted.session_key
        assert not type(planted)().exists(planted.session_key)

    def test_cookie_flags(self):
        answer = sign_in(Client(), make.account().name)
        for name in (django_settings.SESSION_COOKIE_NAME, "modelyard_device"):
            assert answer.cookies[name]["httponly"]
            assert answer.cookies[name]["samesite"] == "Lax"

    def test_sign_out_kills_the_session_on_the_server(self):
        client = Client()
        sign_in(client, make.account().name)
        key = client.session.session_key
        assert client.get("/sign-out").status_code == 405
        client.post("/sign-out")
        thief = Client()
        thief.cookies[django_settings.SESSION_COOKIE_NAME] = key
        assert not signed_in(thief)
        assert not SignInSession.objects.filter(session_key=key).exists()

    @pytest.mark.parametrize(
        ("key", "age"),
        [
            (sessions.SEEN_AT, django_settings.SESSION_IDLE_SECONDS + 1),
            (sessions.SIGNED_IN_AT, django_settings.SESSION_COOKIE_AGE + 1),
        ],
    )
    def test_idle_and_absolute_end(self, key, age):
        client = Client()
        sign_in(client, make.account().name)
        session = client.session
        session[key] = int(time.time()) - age
        session.save()
        assert not signed_in(client)

    def test_a_user_in_use_stays_in(self):
        client = Client()
        sign_in(client, make.account().name)
        session = client.session
        session[sessions.SEEN_AT] = int(time.time()) - 1800
        session.save()
        assert signed_in(client)
        assert time.time() - client.session[sessions.SEEN_AT] < 900

    def test_disabling_ends_every_session_at_once(self):
        owner = make.account()
        li = make.user(owner, "li")
        client = Client()
        sign_in(client, owner.name, "li")
        assert signed_in(client)
        from core import services

        services.perform(make.actor(make.root_of(owner)), li, "disable", {})
        assert not signed_in(client)

    def test_suspending_the_account_ends_them_too(self):
        owner = make.account()
        client = Client()
        sign_in(client, owner.name)
        Account.objects.filter(pk=owner.pk).update(is_active=False)
        assert not signed_in(client)

    def test_own_sessions_are_listed_and_ended_and_others_are_404(self):
        owner = make.account()
        here, there = Client(), Client()
        sign_in(here, owner.name)
        sign_in(there, owner.name)
        row = SignInSession.objects.get(session_key=there.session.session_key)
        stranger = Client()
        sign_in(stranger, make.account().name)
        assert stranger.post(f"/security/sessions/{row.pk}/end").status_code == 404
        assert signed_in(there)
        assert here.post(f"/security/sessions/{row.pk}/end").status_code == 302
        assert not signed_in(there)
        assert signed_in(here)

    def test_csrf_is_asked_everywhere(self):
        client = Client(enforce_csrf_checks=True)
        assert sign_in(client, make.account().name).status_code == 403


class TestPasswordChange:
    def test_new_user_must_change_before_anything_else(self):
        owner = make.account()
        root = make.actor(make.root_of(owner))
        li = users.create(root, {"name": "li"})
        first = li.initial_password
        client = Client()
        assert sign_in(client, owner.name, "li", first)["Location"] == "/password"
        assert client.get("/security")["Location"] == "/password"
        assert client.get("/users")["Location"] == "/password"
        answer = client.post("/password", {"old": first, "new": NEW, "again": NEW})
        assert answer.status_code == 302, answer.content[:2000]
        assert signed_in(client)
        fresh = User.objects.unscoped("test").get(pk=li.pk)
        assert not fresh.must_change_password
        assert fresh.password_expires_at is None

    def test_change_ends_other_sessions_and_tokens_and_keeps_this_one(self):
        owner = make.account()
        make.user(owner, "li")
        here, there = Client(), Client()
        sign_in(here, owner.name, "li")
        sign_in(there, owner.name, "li")
        here.post("/security", {"name": "script", "days": 30})
        before = here.session.session_key
        here.post("/password", {"old": PASSWORD, "new": NEW, "again": NEW})
        assert signed_in(here)
        assert here.session.session_key != before
        assert not signed_in(there)
        assert ApiToken.objects.get().state == "revoked"
        assert sign_in(Client(), owner.name, "li").status_code == 401
        assert sign_in(Client(), owner.name, "li", NEW).status_code == 302

    @pytest.mark.parametrize(
        "fields",
        [
            {"old": "wrong", "new": NEW, "again": NEW},
            {"old": PASSWORD, "new": "short", "again": "short"},
            {"old": PASSWORD, "new": NEW, "again": NEW + "!"},
            {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD},
        ],
    )
    def test_refused_changes_change_nothing(self, fields):
        owner = make.account()
        client = Client()
        sign_in(client, owner.name)
        assert client.post("/password", fields).status_code == 400
        assert make.root_of(owner).check_password(PASSWORD)

    def test_first_login_by_script(self):
        owner = make.account()
        li = users.create(make.actor(make.root_of(owner)), {"name": "li"})
        who = {"account": owner.name, "user": "li"}
        client = Client()

        def post(path, **body):
            return client.post(path, {**who, **body}, content_type="application/json")

        refused = post("/api/v1/auth/tokens", password=li.initial_password)
        assert refused.status_code == 403
        assert refused.json()["error_code"] == "PASSWORD_CHANGE_REQUIRED"
        changed = post("/api/v1/auth/password", old=li.initial_password, new=NEW)
        assert changed.status_code == 204, changed.content
        made = post("/api/v1/auth/tokens", password=NEW)
        assert made.status_code == 201
        me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {made.json()['token']}"})
        assert me.json()["user"]["name"] == "li"
