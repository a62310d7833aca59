"""What a page, an endpoint or a verb declares is asked by the kernel before its code runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.response import Response

from accounts.group.models import Group
from console import checks as routes
from console import screens
from console.api.declared import Declared, ResourceView, mismatch
from console.api.viewsets import ResourceViewSet
from console.pages.base import Page, ResourcePage
from core import access, registry, rules, services
from core.errors import AccessDenied, NotFound
from tests.accounts import make
from tests.storage.people import Person, root, sign_in, statement, token, user

ROOT = Path(__file__).resolve().parents[2]

ran: list[str] = []


class Careless(ResourcePage):
    """Declares a verb and asks nothing itself."""

    verb = "delete"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        ran.append("page")
        return HttpResponse(f"would delete {self.obj}")


class CarelessView(ResourceView):
    """The same on the API, with a row that is not narrowed."""

    slug = "groups"
    declared: ClassVar = {"get": "resource:delete"}

    def get(self, request: Any, pk: Any) -> Response:
        ran.append("view")
        return Response({"name": Group.objects.unscoped("a test").get(pk=pk).name})


class CarelessSet(ResourceViewSet):
    """The same as one more action of a view set."""

    spec: ClassVar = registry.spec_by_slug("groups")
    declared: ClassVar = {**ResourceViewSet.declared, "secret": "resource:delete"}

    def secret(self, request: Any, pk: Any) -> Response:
        ran.append("set")
        return Response({"name": Group.objects.unscoped("a test").get(pk=pk).name})


class Told:
    """The questions asked since the fixture began, as (action, name of the row or None)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def of(self, action: str) -> list[str | None]:
        return [name for asked, name in self.asked if asked == action]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    found, decide = Told(), access.decide

    def listen(actor: Any, action: str, target: Any = None, context: Any = None) -> Any:
        row = access.as_target(actor, target).instance
        found.asked.append((action, None if row is None else str(row)))
        return decide(actor, action, target, context)

    monkeypatch.setattr(access, "decide", listen)
    return found


@pytest.fixture
def owner(db: None) -> Person:
    ran.clear()
    return root("owner")


@pytest.fixture
def group(owner: Person) -> Any:
    return make.group(owner.user.account)


def reader(owner: Person) -> Person:
    spec = registry.spec_by_slug("groups")
    return user(owner, "reader", [statement("Allow", spec.action("list"), spec.action("get"))])


def request_of(person: Person) -> Any:
    request = RequestFactory().get("/x")
    request.actor = person.actor  # type: ignore[attr-defined]
    return request


class TestPages:
    def test_the_declared_verb_is_asked_about_the_object(self, owner: Person, group: Any) -> None:
        view = Careless.as_view(spec=registry.spec_by_slug("groups"))
        with pytest.raises(AccessDenied) as refused:
            view(request_of(reader(owner)), pk=group.pk)
        assert refused.value.decision.action == "iam:groups:deleteGroup"
        with pytest.raises(NotFound):
            view(request_of(root("elsewhere")), pk=group.pk)
        assert ran == []
        assert view(request_of(owner), pk=group.pk).content == f"would delete {group}".encode()

    def test_a_page_without_a_declaration_cannot_be_defined(self) -> None:
        with pytest.raises(TypeError, match="must declare one of"):
            type("Undeclared", (Page,), {})
        with pytest.raises(TypeError, match="must declare one of"):
            type("Greedy", (Page,), {"action": "a:b:c", "public": "why not"})
        with pytest.raises(TypeError, match="no ResourcePage"):
            type("Odd", (Page,), {"verb": "get", "get": lambda self, request: None})

    @pytest.mark.parametrize("declared", [{"verb": "get"}, {"verbs": {"get": "get"}}])
    def test_a_handler_that_changes_something_declares_its_own(self, declared: Any) -> None:
        handlers = {"get": lambda self, request: None, "post": lambda self, request: None}
        with pytest.raises(TypeError, match="name a verb or an action for each handler"):
            type("Silent", (ResourcePage,), {**handlers, **declared})

    def test_a_right_to_read_changes_nothing(self) -> None:
        with pytest.raises(TypeError, match="under a right to read"):
            type("Sly", (ResourcePage,), {"post": lambda s, r: None, "verbs": {"post": "get"}})

    def test_a_verb_of_no_handler_is_refused(self) -> None:
        with pytest.raises(TypeError, match="for each handler"):
            type("Idle", (ResourcePage,), {"verbs": {"get": "get"}})

    def test_a_type_without_the_verb_has_no_such_page(self) -> None:
        with pytest.raises(TypeError, match="'delete'"):
            Careless.as_view(spec=registry.spec_by_slug("share-invitations"))


class TestEndpoints:
    def call(self, view: Any, person: Person, pk: Any) -> Any:
        return view(request_of(person), pk=pk)

    @pytest.mark.parametrize(
        "view",
        [CarelessView.as_view(), CarelessSet.as_view({"get": "secret"})],
        ids=["view", "view set"],
    )
    def test_the_declared_verb_is_asked(self, view: Any, owner: Person, group: Any) -> None:
        assert self.call(view, root("elsewhere"), group.pk).status_code == 404
        assert self.call(view, reader(owner), group.pk).status_code == 403
        assert ran == []
        answer = self.call(view, owner, group.pk)
        assert answer.status_code == 200 and answer.data == {"name": group.name}

    def test_a_declaration_without_its_handler_cannot_be_defined(self) -> None:
        with pytest.raises(TypeError, match="no such handlers"):
            type("Empty", (Declared,), {"declared": {"get": "public: nothing"}})

    def test_a_handler_without_its_declaration_cannot_be_defined(self) -> None:
        silent = {"get": lambda s, r: None, "post": lambda s, r: None}
        with pytest.raises(TypeError, match="does not declare"):
            type("Silent", (Declared,), {**silent, "declared": {"get": "public: nothing"}})

    def test_a_view_that_only_says_resource_is_found_by_the_check(self) -> None:
        assert "under a right to read" in mismatch(
            type("Sly", (), {"declared": {"post": "resource:get"}, "post": lambda s, r: None})
        )
        plain = type("Plain", (), {"declared": {"get": "resource:get"}, "get": lambda s, r: None})
        callback = lambda: None  # noqa: E731
        callback.cls = plain  # type: ignore[attr-defined]
        assert "no ResourceRules" in routes.problem(callback)

    def test_a_service_that_forgets_to_ask_answers_nothing(self, owner: Person) -> None:
        rule = f"{rules.WITHIN}obs:object:GetObject"
        with rules.kept(rule) as check:
            check(404)
            with pytest.raises(RuntimeError, match="was not asked"):
                check(200)
        with rules.kept(rule) as check:
            access.authorize(owner.actor, "obs:object:GetObject")
            check(200)

    def test_a_refusal_that_a_handler_tells_was_a_question(self, owner: Person) -> None:
        with rules.kept(f"{rules.WITHIN}obs:object:GetObject") as check:
            with pytest.raises(AccessDenied):
                access.authorize(reader(owner).actor, "obs:object:GetObject")
            check(302)


class TestDeclarations:
    """One that names what is not there cannot be made, so the start ends at its import."""

    def test_a_misspelt_handler_fails_at_import(self, tmp_path: Path) -> None:
        source = (ROOT / "training/job/declaration.py").read_text()
        assert source.count("services.stop,") == 1
        wrong = tmp_path / "declaration.py"
        wrong.write_text(source.replace("services.stop,", "services.stpo,"))
        spec = importlib.util.spec_from_file_location("declaration", wrong)
        assert spec is not None and spec.loader is not None
        with pytest.raises(AttributeError, match="stpo"):
            spec.loader.exec_module(importlib.util.module_from_spec(spec))

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"actions": {"list": "list"}}, "no action for ['get']"),
            ({"services": object()}, "services have no ['create', 'update', 'delete']"),
            ({"grant": None, "share_operations": ("get",)}, "no table of grants"),
        ],
    )
    def test_what_the_kernel_needs_is_there(self, change: dict[str, Any], says: str) -> None:
        spec = registry.spec_by_slug("training-jobs")
        with pytest.raises(ValueError, match=re.escape(says)):
            dataclasses.replace(spec, **change)

    def test_a_handler_can_be_called(self) -> None:
        spec = registry.spec_by_slug("training-jobs")
        wrong: Any = "training.job.services.stop"
        verb = dataclasses.replace(spec.verbs[0], handler=wrong)
        with pytest.raises(ValueError, match="handlers of \\['stop'\\] cannot be called"):
            dataclasses.replace(spec, verbs=(verb,))

    def test_a_screen_shows_no_verb_that_is_not_declared(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        screen = screens.of(registry.spec_by_slug("training-jobs"))
        with pytest.raises(ValueError, match="two screens"):
            screens.register(screen)
        monkeypatch.setattr(screens, "_screens", {})
        with pytest.raises(ValueError, match="no verbs \\['fly'\\]"):
            screens.register(dataclasses.replace(screen, buttons={"fly": screens.Button()}))
        assert "training.trainingjob" in list(screens.missing())

    def test_every_type_has_a_screen(self) -> None:
        assert list(screens.missing()) == []


class TestOnceBeforeAndOnceAfter:
    """What one act asks, counted: the page or endpoint, the kernel before and the kernel after."""

    def test_create(self, owner: Person, told: Told) -> None:
        from accounts.group import services as groups

        groups.create(owner.actor, {"name": "g"})
        assert told.of("iam:groups:createGroup") == [None, "g"]

    def test_a_verb_is_asked_again_after_the_write(self, owner: Person, told: Told) -> None:
        other = make.user(owner.user.account, "other")
        services.perform(owner.actor, other, "disable", {})
        assert told.of("iam:users:updateUser") == ["other", "other"]

    def test_a_verb_that_takes_its_own_right_is_rolled_back(
        self, owner: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The handler writes a tag under which a Deny of the actor counts."""
        spec = registry.spec_by_slug("users")
        deny = {
            **statement("Deny", "iam:users:updateUser"),
            "Condition": {"StringEquals": {"g:ResourceTag/kept": ["yes"]}},
        }
        actor = user(owner, "clerk", [statement("Allow", "iam:*:*"), deny]).actor
        other = make.user(owner.user.account, "other")

        def handler(actor: Any, obj: Any, data: Any) -> Any:
            type(obj).objects.unscoped("a test").filter(pk=obj.pk).update(tags={"kept": "yes"})
            obj.refresh_from_db()
            return obj

        verbs = tuple(
            dataclasses.replace(v, action="iam:users:updateUser", handler=handler)
            for v in spec.verbs
        )
        monkeypatch.setitem(
            registry._specs, spec.type_label, dataclasses.replace(spec, verbs=verbs)
        )
        with pytest.raises(AccessDenied):
            services.perform(actor, other, "end-sessions", {})
        other.refresh_from_db()
        assert other.tags == {}


class TestOneAnswer:
    """What a list offers, a page shows, the *Access* tab says, ``decide`` says and the API does."""

    def test_agencies_are_the_main_accounts_everywhere(self, owner: Person, client: Any) -> None:
        spec = registry.spec_by_slug("agencies")
        actions = sorted({*map(spec.action, spec.actions), *(v.action for v in spec.verbs)})
        clerk = user(owner, "clerk", [statement("Allow", *actions)])
        agency = make.agency(owner.user.account)
        sign_in(client, clerk)
        page = f"/agencies/{agency.pk}"
        assert client.get("/agencies").context["can_create"] is False
        assert client.get("/agencies/new").status_code == 403
        shown = client.get(page).context
        buttons = [*shown["actions"], *shown["more"]]
        assert {b["url"].rpartition("/")[2] for b in buttons} == {"revoke", "edit", "delete"}
        assert all(not b["enabled"] and b["why_not"] for b in buttons)
        rows = client.get(f"{page}/access").context["decisions"]
        refused = {r["decision"].action for r in rows if not r["decision"].allowed}
        assert refused == {spec.action("update"), spec.action("delete")}
        assert {r["decision"].step for r in rows if not r["decision"].allowed} == {"main_account"}
        assert access.decide(clerk.actor, spec.action("create")).step == "main_account"
        for path in (f"{page}/do/revoke", f"{page}/delete", f"{page}/edit"):
            assert client.post(path, {"typed": str(agency)}).status_code == 403, path
        bearer = {"Authorization": f"Bearer {token(clerk, dt.timedelta(hours=1))}"}
        answer = Client().post(
            "/api/v1/agencies", {"name": "a1"}, content_type="application/json", headers=bearer
        )
        assert answer.status_code == 403
        assert answer.json()["explanation"]["step"] == "main_account"
