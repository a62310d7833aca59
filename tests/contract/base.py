"""What every resource type owes: personas x verbs x {page, API}, with golden statuses.

A resource's test names its slug and how to make one; everything else is inherited. A subclass may
not weaken a status: it may only say which verbs its type does not have.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, ClassVar

import pytest
from django.test import Client

from accounts.token import services as tokens
from console import screens
from console.pages import detail
from core import registry
from core.models import AuditRecord
from tests.storage.people import Person, root, sign_in, statement, user

SEES = ("reader", "editor", "root")
BLIND = ("stranger", "other_root", "denied")


def bearer(person: Person) -> str:
    """A token of the person, made past the right to make tokens: not what is tested here."""
    import datetime as dt

    from django.utils import timezone

    _row, text = tokens._make(
        account_id=person.user.account_id,
        user_id=person.user.pk,
        kind="user",
        name="contract",
        expires_at=timezone.now() + dt.timedelta(hours=1),
    )
    return text


@pytest.mark.django_db
class ResourceContract:
    """Subclasses set ``slug`` and ``make(owner) -> object``."""

    slug: ClassVar[str]
    __test__ = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__test__ = True

    def make(self, owner: Person) -> Any:
        """One object of the type in the owner's account, made as a service would."""
        raise NotImplementedError

    #: verbs that a rule keeps from whoever has every policy, with the step that says so; the main
    #: account does them
    held_back: ClassVar[dict[str, str]] = {}
    #: a deleted object stays to be read, in this phase
    tombstone: ClassVar[str] = ""

    def who_may(self, verb: str) -> str:
        """The persona that does ``verb``; the refusal of the editor is tested beside it."""
        return "root" if verb in self.held_back else "editor"

    def changes(self) -> dict[str, Any]:
        """A legal PATCH body."""
        return {"description": "changed"}

    @property
    def spec(self) -> registry.Declaration:
        return registry.spec_by_slug(self.slug)

    @property
    def screen(self) -> screens.Screen:
        return screens.of(self.spec)

    @pytest.fixture(autouse=True)
    def people(self, db: None) -> None:
        spec = self.spec
        read = [spec.action("list"), spec.action("get")]
        everything = sorted({spec.action(v) for v in spec.actions} | {v.action for v in spec.verbs})
        self.owner = root(f"owner{uuid.uuid4().hex[:8]}")
        other = root(f"other{uuid.uuid4().hex[:8]}")
        self.people_by_name: dict[str, Person] = {
            "root": self.owner,
            "editor": user(self.owner, "editor", [statement("Allow", *everything)]),
            "reader": user(self.owner, "reader", [statement("Allow", *read)]),
            "nobody": user(self.owner, "nobody", []),
            "denied": user(
                self.owner,
                "denied",
                [statement("Allow", *everything), statement("Deny", spec.action("get"))],
            ),
            "other_root": other,
            "stranger": user(other, "stranger", [statement("Allow", *everything)]),
        }
        self.obj = self.make(self.owner)
        self.url = f"/api/v1/{self.slug}/{self.key()}"
        self.page = f"/{self.slug}/{self.obj.pk}"

    def key(self) -> str:
        return str(self.obj.pk)

    def fresh(self) -> Any:
        return self.spec.model.objects.unscoped("test").filter(pk=self.obj.pk).first()

    def call(self, who: str, method: str, url: str, body: Any = None, **headers: str) -> Any:
        extra = {f"HTTP_{k.upper()}": v for k, v in headers.items()}
        if who != "anonymous":
            extra["HTTP_AUTHORIZATION"] = f"Bearer {bearer(self.people_by_name[who])}"
        data = json.dumps(body) if body is not None else ""
        return Client().generic(method, url, data, content_type="application/json", **extra)

    def browser(self, who: str) -> Client:
        client = Client()
        if who != "anonymous":
            sign_in(client, self.people_by_name[who])
        return client

    # -- reading ----------------------------------------------------------------------------------

    def test_api_detail(self) -> None:
        """Whoever may get sees it; for everybody else it does not exist."""
        assert self.call("anonymous", "GET", self.url).status_code == 401
        for who in SEES:
            answer = self.call(who, "GET", self.url)
            assert answer.status_code == 200, (who, answer.content)
            assert answer.json()["id"] == str(self.obj.pk)
            assert answer["ETag"] == self.fresh().etag
        random = self.call("stranger", "GET", f"/api/v1/{self.slug}/{uuid.uuid4()}")
        for who in (*BLIND, "nobody"):
            answer = self.call(who, "GET", self.url)
            assert answer.status_code == 404, who
            assert _without_id(answer.json()) == _without_id(random.json())

    def test_api_list(self) -> None:
        """The list holds exactly what get allows; without the right it is refused, not empty."""
        assert self.call("anonymous", "GET", f"/api/v1/{self.slug}").status_code == 401
        for who in SEES:
            answer = self.call(who, "GET", f"/api/v1/{self.slug}")
            assert answer.status_code == 200
            assert str(self.obj.pk) in [row["id"] for row in answer.json()["items"]]
        for who in ("stranger", "other_root"):
            answer = self.call(who, "GET", f"/api/v1/{self.slug}")
            assert str(self.obj.pk) not in [row["id"] for row in answer.json()["items"]]
        refused = self.call("nobody", "GET", f"/api/v1/{self.slug}")
        assert refused.status_code == 403
        assert refused.json()["explanation"]["missing"]

    def test_pages(self) -> None:
        """List and detail, with every tab, for each persona."""
        assert self.browser("anonymous").get(self.page).status_code == 302
        for who in SEES:
            client = self.browser(who)
            assert client.get(f"/{self.slug}").status_code == 200
            answer = client.get(self.page)
            assert answer.status_code == 200, who
            assert str(self.obj) in answer.content.decode()
            for tab in answer.context["tabs"]:
                assert client.get(tab["url"]).status_code == 200, (who, tab["name"])
        for who in (*BLIND, "nobody"):
            assert self.browser(who).get(self.page).status_code == 404, who

    def test_buttons_are_what_would_be_allowed(self) -> None:
        """A reader's page offers no way to change anything; everybody else's offers what the
        *Access* tab allows, and what a rule keeps from them is greyed with the reason."""
        assert not self.buttons("reader")
        for who in ("editor", "root"):
            shown, asked = self.buttons(who), self.answers(who)
            for name, decision in asked.items():
                enabled = shown.get(name, {}).get("enabled")
                if name == "edit" and not (self.screen.form or self.screen.edit_form):
                    continue
                if enabled:
                    assert decision.allowed, (who, name)
                elif decision.allowed:
                    assert self.not_now(name), (who, name, "allowed and not offered")
                elif decision.guarded:
                    assert shown[name]["why_not"], (who, name)
                else:
                    assert name not in shown, (who, name)
            assert set(shown) <= set(asked), (who, set(shown) - set(asked))
        for verb, step in self.held_back.items():
            name = "edit" if verb == "update" else verb
            if name in self.answers("editor"):
                assert self.answers("editor")[name].step == step
                assert self.answers("root")[name].allowed

    def test_what_the_access_tab_says_is_what_the_api_does(self) -> None:
        """Each verb, of a fresh object, as everybody who sees it."""
        for who in SEES:
            for verb in self.spec.verbs:
                self.obj = self.make(self.owner)
                self.page = f"/{self.slug}/{self.obj.pk}"
                decision = self.answers(who)[verb.name]
                url = f"/api/v1/{self.slug}/{self.key()}/{verb.name}"
                answer = self.call(who, "POST", url, {})
                assert (answer.status_code == 403) == (not decision.allowed), (
                    who,
                    verb.name,
                    answer.content,
                )
                if not decision.allowed:
                    assert answer.json()["explanation"]["step"] == decision.step

    def test_the_create_button_is_what_the_api_does(self) -> None:
        if "create" not in self.spec.actions:
            pytest.skip("nothing is created")
        for who in SEES:
            context = self.browser(who).get(f"/{self.slug}").context
            answer = self.call(who, "POST", f"/api/v1/{self.slug}", {"no_such_field": 1})
            allowed = answer.status_code != 403
            if self.screen.form:
                assert context["can_create"] == allowed, (who, answer.content)
                opened = self.browser(who).get(f"/{self.slug}/new").status_code
                assert opened == (200 if allowed else 403), who

    def buttons(self, who: str) -> dict[str, Any]:
        """What the head of the page offers, by verb; links to other pages are left out."""
        context = self.browser(who).get(self.page).context
        every = [*context["actions"], *context["more"]]
        ours = [a for a in every if a["url"].startswith(f"{self.page}/")]
        return {a["url"].rpartition("/")[2]: a for a in ours}

    def answers(self, who: str) -> dict[str, Any]:
        """The decisions of the *Access* tab about acts that have a button, by verb."""
        rows = self.browser(who).get(f"{self.page}/access").context["decisions"]
        verbs = {str(verb.label): verb.name for verb in self.spec.verbs}
        plain = {str(detail.ACTION_WORDS[v]): v for v in ("update", "delete")}
        names = {**plain, **verbs}
        found = {names.get(str(r["label"]), ""): r["decision"] for r in rows}
        found["edit"] = found.pop("update", None)
        return {name: one for name, one in found.items() if name and one is not None}

    def not_now(self, name: str) -> bool:
        """Whether the state of the object forbids the act just now."""
        if name in ("edit", "delete"):
            return bool(self.screen.why_not_delete) or bool(self.tombstone)
        verb, obj = self.spec.verb(name), self.fresh()
        return not verb.enabled(obj) or (verb.idle is not None and verb.idle(obj))

    # -- changing ---------------------------------------------------------------------------------

    def test_api_update(self) -> None:
        if "update" not in self.spec.actions:
            pytest.skip("the type has no update")
        etag = self.fresh().etag
        body = self.changes()
        for who in (*BLIND, "nobody"):
            answer = self.call(who, "PATCH", self.url, body, if_match=etag)
            assert answer.status_code == 404, who
        refused = self.call("reader", "PATCH", self.url, body, if_match=etag)
        assert refused.status_code == 403
        assert refused.json()["explanation"]["action"] == self.spec.action("update")
        who = self.who_may("update")
        if who != "editor":
            refused = self.call("editor", "PATCH", self.url, body, if_match=etag)
            assert refused.status_code == 403
            assert refused.json()["explanation"]["step"] == self.held_back["update"]
        assert self.call(who, "PATCH", self.url, body).status_code == 428
        done = self.call(who, "PATCH", self.url, body, if_match=etag)
        assert done.status_code == 200, done.content
        assert done["ETag"] != etag
        assert self.call(who, "PATCH", self.url, body, if_match=etag).status_code == 412

    def test_nobody_can_move_it_elsewhere(self) -> None:
        """Owner, region and state are no input."""
        if "update" not in self.spec.actions:
            pytest.skip("the type has no update")
        before = self.fresh()
        for field, value in (
            ("account_id", self.people_by_name["other_root"].user.account_id),
            ("region", "elsewhere"),
            ("phase", "Completed"),
            ("version", 99),
            ("id", "x"),
        ):
            answer = self.call("root", "PATCH", self.url, {field: value}, if_match=before.etag)
            assert answer.status_code == 400, (field, answer.content)
        after = self.fresh()
        assert (after.account_id, after.region, after.version) == (
            before.account_id,
            before.region,
            before.version,
        )

    def test_api_delete(self) -> None:
        if "delete" not in self.spec.actions:
            pytest.skip("the type has no delete")
        for who in (*BLIND, "nobody"):
            assert self.call(who, "DELETE", self.url).status_code == 404, who
        assert self.call("reader", "DELETE", self.url).status_code == 403
        who = self.who_may("delete")
        if who != "editor":
            refused = self.call("editor", "DELETE", self.url)
            assert refused.status_code == 403
            assert refused.json()["explanation"]["step"] == self.held_back["delete"]
        assert self.call(who, "DELETE", self.url, if_match='W/"999"').status_code == 412
        assert self.fresh() is not None
        answer = self.call(who, "DELETE", self.url)
        assert answer.status_code == 204, answer.content
        after = self.call(who, "GET", self.url)
        if self.tombstone:
            assert after.json()["phase"] == self.tombstone
        else:
            assert after.status_code == 404
        trail = AuditRecord.objects.filter(
            resource_id=str(self.obj.pk), event=self.spec.event("delete")
        )
        row = trail.get()
        assert (row.result, row.account_id) == ("ok", self.owner.user.account_id)
        assert self.people_by_name[who].user.name in row.actor_label

    def test_denials_are_audited(self) -> None:
        if "delete" not in self.spec.actions:
            pytest.skip("the type has no delete")
        self.call("reader", "DELETE", self.url)
        row = AuditRecord.objects.filter(result="denied").order_by("-id")[0]
        assert row.action == self.spec.action("delete")
        assert row.resource_id == str(self.obj.pk)

    def test_delete_page_wants_the_name(self) -> None:
        if "delete" not in self.spec.actions:
            pytest.skip("the type has no delete")
        client = self.browser(self.who_may("delete"))
        assert client.get(f"{self.page}/delete").status_code == 200
        if self.screen.delete_words is None:
            assert client.post(f"{self.page}/delete", {"typed": "wrong"}).status_code == 400
        assert self.fresh() is not None
        assert client.post(f"{self.page}/delete", {"typed": str(self.obj)}).status_code == 302
        assert self.browser("reader").get(f"{self.page}/delete").status_code in (403, 404)

    def test_unsafe_pages_need_the_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        sign_in(client, self.people_by_name["root"])
        for path in (f"{self.page}/delete", f"{self.page}/tags", f"/{self.slug}/new"):
            assert client.post(path, {"typed": str(self.obj)}).status_code in (403, 404, 405)
        assert self.fresh() is not None

    def test_queries_do_not_grow_with_rows(self) -> None:
        """A list of many costs what a list of one costs."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        token = bearer(self.people_by_name["root"])
        get = lambda: Client().get(  # noqa: E731
            f"/api/v1/{self.slug}", HTTP_AUTHORIZATION=f"Bearer {token}"
        )
        get()
        with CaptureQueriesContext(connection) as one:
            assert get().status_code == 200
        for _more in range(3):
            self.make(self.owner)
        get()  # making a group or a policy changes rights, which are compiled again once
        with CaptureQueriesContext(connection) as four:
            assert len(get().json()["items"]) >= 4
        assert len(four) <= len(one) + self.queries_per_row * 3, [
            q["sql"][:160] for q in four.captured_queries
        ]

    #: stays 0; a type that needs more is a type whose list must be mended
    queries_per_row: ClassVar[int] = 0


def _without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k != "request_id"}
