"""Choices among many rows: what a form offers, what it takes, and what it refuses."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.test import Client

from console import screens
from console.choices import LISTED, PAGE, Offer, Rows, SearchChoiceField, SearchChoicesField
from core import registry
from registry.model.models import Model
from serving.service.forms import ServiceForm
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person

MANY = LISTED + 5


@pytest.fixture
def owner(db: None) -> Person:
    return people.root("many")


def models(owner: Person, count: int, *, name: str = "line", **fields: Any) -> list[Model]:
    """``count`` published models, the oldest first."""
    account, region = owner.user.account_id, owner.actor.region
    known = {"phase": "Published", "engine": "e", **fields}
    rows = [
        Model(account_id=account, region=region, name=name, model_version=f"0.0.{n}", **known)
        for n in range(count)
    ]
    for row in rows:
        row.save(force_insert=True)
    return rows


@pytest.fixture
def client(owner: Person) -> Client:
    found = Client()
    people.sign_in(found, owner)
    return found


def sent(form: Any, **data: Any) -> Any:
    """A form with defaults filled in."""
    return {"name": "one", "pool": "public", "flavor": "modelyard.cpu.1u", "replicas": "1", **data}


class TestOneOfMany:
    def test_the_oldest_of_many_is_chosen_by_its_id(self, owner: Person, client: Client) -> None:
        oldest = models(owner, 210)[0]
        page = client.get(f"/services/new?model={oldest.pk}")
        form = page.context["form"]
        assert form["model"].value() == str(oldest.pk)
        assert f'data-chosen="{oldest} · e"' in page.content.decode()
        assert not form.problems()

    def test_a_short_list_is_whole_and_chooses_nothing_by_itself(self, owner: Person) -> None:
        made = models(owner, 3)
        widget = ServiceForm(actor=owner.actor).fields["model"].widget
        assert isinstance(widget, forms.Select)
        (empty, _title), (_mine, options) = widget.choices
        assert empty == ""
        assert {value for value, _text in options} == {str(m.pk) for m in made}

    def test_a_model_that_may_be_deployed_and_not_read_is_no_choice(self, owner: Person) -> None:
        named, other = models(owner, 1, name="secret", tags={"to": "few"})[0], models(owner, 1)[0]
        statements = [
            people.statement("Allow", "*:*:*"),
            {
                **people.statement("Deny", "modelarts:model:get"),
                "Condition": {"StringEquals": {"g:ResourceTag/to": ["few"]}},
            },
        ]
        form = ServiceForm(actor=people.user(owner, "blind", statements).actor)
        offered = str(form["model"])
        assert str(other.pk) in offered
        assert str(named.pk) not in offered and "secret" not in offered

    @pytest.mark.parametrize("count", [1, MANY])
    def test_what_cannot_be_chosen_is_refused_in_words(
        self, owner: Person, client: Client, count: int
    ) -> None:
        models(owner, count)
        stranger = models(people.root("stranger"), 1)[0]
        failed = models(owner, 1, name="bad", phase="Failed")[0]
        for given in (stranger.pk, failed.pk, uuid.uuid4(), "nonsense"):
            page = client.get(f"/services/new?model={given}")
            form = page.context["form"]
            assert [p["field"] for p in form.problems()] == ["id_model"]
            assert "cannot be chosen" in page.content.decode()
            assert not form.initial["model"]
            assert not form["model"].value()

    def test_an_id_and_an_exact_name_are_taken_whatever_was_drawn(self, owner: Person) -> None:
        oldest = models(owner, MANY)[0]
        for given in (str(oldest.pk), "line 0.0.0"):
            form = ServiceForm(sent(None, model=given), actor=owner.actor)
            assert form.is_valid(), form.errors
            assert form.cleaned_data["model"] == str(oldest.pk)
            assert form["model"].value() == str(oldest.pk)

    def test_a_part_of_a_name_is_no_choice(self, owner: Person) -> None:
        models(owner, MANY)
        form = ServiceForm(sent(None, model="line"), actor=owner.actor)
        assert "line" in form.errors["model"][0]

    def test_a_name_of_two_asks_for_the_id(self, owner: Person) -> None:
        rows = Model.objects.own(owner.actor, "deploy")
        models(owner, 1)
        twice = Rows(rows, exact=Model.called)
        with pytest.raises(forms.ValidationError, match="Give the id"):
            Offer([twice, twice]).option("line 0.0.0")

    def test_an_id_that_is_not_offered_reaches_the_service_which_says_why(
        self, owner: Person, client: Client
    ) -> None:
        models(owner, MANY)
        failed = models(owner, 1, name="bad", phase="Failed")[0]
        answer = client.post("/services/new", sent(None, model=str(failed.pk)))
        assert answer.status_code == 409
        assert "only a published model" in answer.content.decode()


class TestSearch:
    @staticmethod
    def options(client: Client, **query: str) -> tuple[list[str], str]:
        """Values of what a search in the form of a service found, and its sentence."""
        answer = client.get("/services/new", {"choices": "model", **query}).json()
        found = [one["value"] for group in answer["groups"] for one in group["options"]]
        return found, answer["status"]

    def test_words_are_looked_for_on_the_server(self, owner: Person, client: Client) -> None:
        made = models(owner, MANY)
        found, status = self.options(client, q="0.0.4 LINE")
        assert set(found) == {str(m.pk) for m in made if m.model_version.startswith("0.0.4")}
        assert status == "11 found."

    def test_an_answer_says_that_there_are_more(self, owner: Person, client: Client) -> None:
        models(owner, MANY)
        found, status = self.options(client)
        assert len(found) == PAGE and "there are more" in status

    def test_nothing_of_others_is_found(self, owner: Person, client: Client) -> None:
        models(people.root("stranger"), 3, name="secret")
        assert self.options(client, q="secret") == ([], "Nothing matches.")

    def test_only_such_fields_answer_and_only_who_may_open_the_form(
        self, owner: Person, client: Client
    ) -> None:
        for name in ("name", "flavor", "nothing", ""):
            assert client.get("/services/new", {"choices": name}).status_code == 404
        people.sign_in(client, people.user(owner, "li", []))
        assert client.get("/services/new", {"choices": "model"}).status_code == 403

    def test_who_may_add_members_searches_among_users(self, owner: Person, client: Client) -> None:
        group = make.group(owner.user.account)
        li = make.user(owner.user.account, "li-of-many")
        page = f"/groups/{group.pk}/x/add-member"
        answer = client.get(page, {"choices": "add", "q": "of-many"}).json()
        assert answer["groups"][0]["options"] == [{"value": str(li.pk), "text": "li-of-many"}]
        assert client.post(page, {"add": "li-of-many"}).status_code == 302
        assert client.get(page, {"choices": "add", "q": "of-many"}).json()["groups"] == []
        people.sign_in(client, people.user(owner, "x", [people.statement("Allow", "iam:*:get*")]))
        assert client.get(page, {"choices": "add"}).status_code == 403


class TestSeveralOfMany:
    def test_a_preselection_beyond_the_list_is_ticked(self, owner: Person, client: Client) -> None:
        oldest = models(owner, MANY)[0]
        value = f"registry.model:{oldest.pk}"
        page = client.get("/share-units/new", {"resources": value})
        form = page.context["form"]
        assert form["resources"].value() == [value]
        assert len(form.fields["resources"].choices) == PAGE + 1
        assert "data-choose-more" in page.content.decode()

    def test_ids_and_names_are_taken(self, owner: Person) -> None:
        first, second, *_rest = models(owner, MANY)
        form = self.unit(owner, [f"registry.model:{first.pk}", "line 0.0.1, line 0.0.0"])
        assert form.is_valid(), form.errors
        wanted = [f"registry.model:{row.pk}" for row in (first, second)]
        assert form.cleaned_data["resources"] == wanted
        assert form["resources"].value() == [wanted[0], wanted[1], wanted[0]]

    def test_what_names_nothing_stays_typed_and_is_named(self, owner: Person) -> None:
        models(owner, MANY)
        form = self.unit(owner, ["nowhere, line 0.0.0"])
        assert "nowhere" in form.errors["resources"][0]
        form["resources"].value()
        assert form.fields["resources"].typed == "nowhere"

    def test_too_many_are_refused_before_any_is_looked_up(self) -> None:
        field = SearchChoicesField(max_length=2)
        with pytest.raises(forms.ValidationError) as refused:
            field.clean(["1,2", "3"])
        assert refused.value.code == "TOO_MANY"

    @staticmethod
    def unit(owner: Person, resources: list[str]) -> Any:
        from django.http import QueryDict

        from sharing.unit.forms import UnitForm

        data = QueryDict(mutable=True)
        data.update({"name": "u", "principals": ""})
        data.setlist("resources", resources)
        return UnitForm(data, actor=owner.actor)


# -- the rule: no form cuts a list of choices -----------------------------------------------------

BASE = Path(settings.BASE_DIR)


def cuts(tree: ast.AST) -> Iterator[int]:
    """Lines with a slice that has an end: ``rows[:200]``, ``rows[a:b]``."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Slice)
            and node.slice.upper is not None
        ):
            yield node.lineno


def offering(tree: ast.Module, name: str) -> Iterator[ast.AST]:
    """Code that fills choices: a module of forms, and functions that make choices elsewhere."""
    if name == "forms.py":
        yield tree
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            words = set(node.name.strip("_").split("_"))
            if words & {"choices", "usable"} or "Rows" in ast.unparse(node.returns or node.args):
                yield node


def test_no_form_cuts_a_list_of_choices() -> None:
    looked, found = 0, []
    for room in (path.parent for path in BASE.glob("*/apps.py")):
        for path in sorted(room.rglob("*.py")):
            for part in offering(ast.parse(path.read_text(encoding="utf-8")), path.name):
                looked += 1
                found += [f"{path.relative_to(BASE)}:{line}" for line in cuts(part)]
    assert looked > 15
    assert found == []


def test_the_search_for_cuts_sees_one() -> None:
    tree = ast.parse("def rows(a):\n    return a.order_by('x')[:200]\n")
    assert list(cuts(tree)) == [2]


def test_forms_offer_rows_by_the_searched_fields_only(owner: Person) -> None:
    """A field of Django's own over rows draws all of them, or is cut."""
    seen = 0
    for spec in registry.all_specs():
        screen = screens.of(spec)
        for form in (screen.form, screen.edit_form):
            if form is None:
                continue
            for field in form.base_fields.values():
                assert not isinstance(field, forms.ModelChoiceField) or hasattr(
                    field, "max_length"
                ), f"{form.__name__}: {field.label}"
                seen += isinstance(field, SearchChoiceField | SearchChoicesField)
    assert seen >= 8
