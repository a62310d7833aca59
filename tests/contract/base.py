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
from core import registry
from core.models import AuditRecord, IdempotencyRecord
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

    def changes(self) -> dict[str, Any]:
        """A legal PATCH body."""
        return {"description": "changed"}

    @property
    def spec(self) -> registry.ResourceSpec:
        return registry.spec_by_slug(self.slug)

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
        """A reader's page offers no way to change anything; the editor's does."""
        reader = self.browser("reader").get(self.page).context["actions"]
        editor = self.browser("editor").get(self.page).context["actions"]
        assert not [a for a in reader if a["url"].endswith(("/edit", "/delete"))]
        assert not [a for a in reader if "/do/" in a["url"]]
        if "delete" in self.spec.actions:
            assert [a for a in editor if a["url"].endswith("/delete")]

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
        assert self.call("editor", "PATCH", self.url, body).status_code == 428
        done = self.call("editor", "PATCH", self.url, body, if_match=etag)
        assert done.status_code == 200, done.content
        assert done["ETag"] != etag
        assert self.call("editor", "PATCH", self.url, body, if_match=etag).status_code == 412

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
        assert self.call("editor", "DELETE", self.url, if_match='W/"999"').status_code == 412
        assert self.fresh() is not None
        answer = self.call("editor", "DELETE", self.url)
        assert answer.status_code == 204, answer.content
        assert self.call("editor", "GET", self.url).status_code == 404
        trail = AuditRecord.objects.filter(
            resource_id=str(self.obj.pk), event=self.spec.event("delete")
        )
        row = trail.get()
        assert (row.result, row.account_id) == ("ok", self.owner.user.account_id)
        assert "editor" in row.actor_label

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
        client = self.browser("editor")
        assert client.get(f"{self.page}/delete").status_code == 200
        if self.spec.delete_words is None:
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


class CreatesOverApi(ResourceContract):
    """Adds what a type owes whose objects a POST creates: idempotency, personas, bad fields."""

    __test__ = False

    def payload(self) -> dict[str, Any]:
        raise NotImplementedError

    def test_api_create(self) -> None:
        body = self.payload()
        collection = f"/api/v1/{self.slug}"
        assert self.call("anonymous", "POST", collection, body).status_code == 401
        for who in ("reader", "nobody"):
            refused = self.call(who, "POST", collection, body)
            assert refused.status_code == 403, (who, refused.content)
        made = self.call("root", "POST", collection, body, idempotency_key="once-1")
        assert made.status_code == 201, made.content
        again = self.call("root", "POST", collection, body, idempotency_key="once-1")
        assert again.status_code == 201 and again["Idempotency-Replayed"] == "true"
        assert again.json()["id"] == made.json()["id"]
        other = {**body, "description": "another"}
        clash = self.call("root", "POST", collection, other, idempotency_key="once-1")
        assert clash.status_code == 409
        assert clash.json()["error_code"] == "IDEMPOTENCY_MISMATCH"
        assert IdempotencyRecord.objects.count() == 1
        row = AuditRecord.objects.get(
            resource_id=made.json()["id"], event=self.spec.event("create")
        )
        assert row.result == "ok"

    def test_unknown_fields_are_named(self) -> None:
        answer = self.call(
            "root", "POST", f"/api/v1/{self.slug}", {**self.payload(), "no_such_field": 1}
        )
        assert answer.status_code == 400
        assert "no_such_field" in [p["field"] for p in answer.json()["problems"]]

    def test_quota(self) -> None:
        from core.models import Quota

        if self.spec.quota is None:
            pytest.skip("the type has no quota")
        key, _default = self.spec.quota
        Quota.objects.create(account_id=self.owner.user.account_id, key=key, limit=0)
        answer = self.call("root", "POST", f"/api/v1/{self.slug}", self.payload())
        assert answer.status_code == 409, answer.content
        assert answer.json()["error_code"] == "QUOTA_EXCEEDED"
        assert answer.json()["limit"] == 0


def _without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k != "request_id"}
