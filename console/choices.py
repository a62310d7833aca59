"""Choices among rows: every permitted row can be chosen, however many there are.

Few rows are a list to choose from. More are a text field that takes an id or the exact name; with
JavaScript it searches on the server (``static/console/choose.js``). What is submitted is looked up
in the same rows, never in what was drawn.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.listing import sorted_by

LISTED = 50
"""Rows up to which a field is a plain list."""
PAGE = 20
"""Rows of one answer to a search."""
NAMED = 1000
"""Rows of each kind that are looked through for exact names."""
MAX_TEXT = 256
"""Characters of an id or a name, as in console.filters."""
_PARTS = re.compile(r"[\n,，、;；]+")


def by_name(text: str) -> Q:
    """The condition of an exact name."""
    return Q(name=text)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one kind that may be chosen: ``rows`` are those of ``for_action`` for this actor.

    ``value`` is the column that is submitted ("pk", or "name" where names are the key), with
    ``prefix`` before it where one field offers several kinds. ``search`` are the columns in which
    each word of a search is looked for; ``exact`` is the condition of a whole name, which is what
    ``str`` gives of a row.
    """

    rows: QuerySet[Any]
    title: Any = ""
    search: tuple[str, ...] = ("name",)
    text: Callable[[Any], str] = str
    exact: Callable[[str], Q] = by_name
    value: str = "pk"
    prefix: str = ""
    order: str = "-created_at"

    def option(self, row: Any) -> tuple[str, str]:
        """(value, text) of one row."""
        return f"{self.prefix}{getattr(row, self.value)}", self.text(row)

    def matching(self, words: str) -> QuerySet[Any]:
        """Rows with every word of a search, in the order in which they are offered."""
        rows = self.rows
        for word in words.split():
            condition = Q()
            for name in self.search:
                condition |= Q(**{f"{name}__icontains": word})
            rows = rows.filter(condition)
        return sorted_by(rows, self.order)

    def keyed(self, given: Iterable[str]) -> dict[str, Any]:
        """Rows by the submitted values that name them by value or by id: one query."""
        names: dict[str, str] = {}
        ids: dict[str, uuid.UUID] = {}
        for text in given:
            bare = text.removeprefix(self.prefix)
            if self.value != "pk":
                names[text] = bare
            if (pk := _uuid(bare)) is not None:
                ids[text] = pk
        if not names and not ids:
            return {}
        condition = Q(pk__in=set(ids.values()))
        if names:
            condition |= Q(**{f"{self.value}__in": set(names.values())})
        rows = list(self.rows.filter(condition))
        by_id = {row.pk: row for row in rows}
        by_value = {getattr(row, self.value): row for row in rows}
        found = {text: by_id[pk] for text, pk in ids.items() if pk in by_id}
        return found | {text: by_value[v] for text, v in names.items() if v in by_value}


class Offer:
    """Everything that one field offers: rows of one or more kinds."""

    def __init__(self, kinds: Sequence[Rows] = ()) -> None:
        self.kinds = tuple(kinds)

    def listed(self, most: int, words: str = "") -> tuple[list[tuple[Any, list[Any]]], bool]:
        """Options by title, at most ``most`` of each kind, and whether there are more."""
        found, more = [], False
        for kind in self.kinds:
            rows = list(kind.matching(words)[: most + 1])
            more = more or len(rows) > most
            if rows:
                found.append((kind.title, [kind.option(row) for row in rows[:most]]))
        return found, more

    def options(self, given: Iterable[str]) -> dict[str, tuple[str, str]]:
        """(value, text) of what each submitted text names: a value, an id, or an exact name.

        What names nothing is missing. Raises ValidationError for a name that several have.
        """
        left, found = list(dict.fromkeys(given)), {}
        for kind in self.kinds:
            for text, row in kind.keyed(left).items():
                found[text] = kind.option(row)
            left = [text for text in left if text not in found]
        return found | self._named(left)

    def option(self, given: str) -> tuple[str, str] | None:
        """(value, text) of what one text names; None for nothing."""
        return self.options([given]).get(given)

    def _named(self, given: Iterable[str]) -> dict[str, tuple[str, str]]:
        """(value, text) by exact name: one query of each kind, however many names."""
        left, found = set(given), {}
        for kind in self.kinds if left else ():
            condition = Q(*(kind.exact(text) for text in left), _connector=Q.OR)
            for row in kind.rows.filter(condition)[:NAMED]:
                name = str(row)
                if name in found:
                    raise ValidationError(
                        _("Several are called “%(name)s”. Give the id."),
                        params={"name": name},
                        code="AMBIGUOUS",
                    )
                if name in left:
                    found[name] = kind.option(row)
        return found


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class SearchInput(forms.TextInput):
    """The text field of an offer that is no list; it shows the name of what its value names."""

    offer = Offer()

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        try:
            option = self.offer.option(str(value)) if value else None
        except ValidationError:
            option = None
        if option:
            context["widget"]["attrs"]["data-chosen"] = option[1]
        return context


class SearchField:
    """What both fields share: an offer, and words about what cannot be chosen."""

    offer: Offer
    hint: str = ""

    def refusal(self) -> str:
        """Why what a link names is not chosen."""
        return gettext(
            "What this form was opened for cannot be chosen: it is gone, in another region, not in "
            "a state for this, or not yours to use. Choose another one."
        )

    def unknown(self, text: str) -> ValidationError:
        """The error of a text that names nothing that may be chosen."""
        return ValidationError(
            _("“%(name)s” names nothing that can be chosen here. Give an exact name or an id."),
            params={"name": text[:MAX_TEXT]},
            code="UNKNOWN",
        )


class SearchChoiceField(SearchField, forms.CharField):
    """One row of an offer; its cleaned value is the row's value, "" for none.

    ``passed_on``: an id that the offer does not have goes to the service, which refuses it with its
    own reason and writes that to the trail.
    """

    widget = forms.Select

    def __init__(self, *, empty: Any = "", passed_on: bool = False, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TEXT, **kwargs)
        self.offer = Offer()
        self.empty = empty
        self.passed_on = passed_on

    def fill(self, *kinds: Rows, chosen: str = "") -> None:
        """Set what is offered. A form with one way to fill a required field fills it."""
        self.offer = Offer(kinds)
        listed, more = self.offer.listed(LISTED)
        if more:
            box = SearchInput(
                {
                    "data-choose": True,
                    "data-label": self.label,
                    "autocomplete": "off",
                    "spellcheck": "false",
                }
            )
            box.offer = self.offer
            self._draw(box)
            self.hint = gettext(
                "More than %(count)s to choose from: search by a part of the name, or give the "
                "exact name or the id."
            ) % {"count": LISTED}
            return
        options = [option for _title, some in listed for option in some]
        if self.required and len(options) == 1 and not chosen:
            self.initial = options[0][0]
        titled: list[Any] = [(t, some) for t, some in listed if t]
        plain = [option for t, some in listed if not t for option in some]
        only = self.required and len(options) == 1
        empty = [] if only else [("", self.empty or gettext("Choose"))]
        self._draw(forms.Select(choices=[*empty, *plain, *titled]))

    def _draw(self, widget: forms.Widget) -> None:
        widget.is_required = self.required
        self.widget = widget  # type: ignore[assignment]

    def bound_data(self, data: Any, initial: Any) -> Any:
        """A name that was typed as the value that it names, so that the field shows it chosen."""
        try:
            option = self.offer.option(str(data).strip()[:MAX_TEXT]) if data else None
        except ValidationError:
            option = None
        return option[0] if option else data

    def clean(self, value: Any) -> str:
        """The value of the row that was named. Raises ValidationError."""
        text = super().clean(value)
        if not text:
            return ""
        option = self.offer.option(text)
        if option is not None:
            return option[0]
        if self.passed_on and _uuid(text) is not None:
            return str(text)
        raise self.unknown(text)


class SearchChoicesField(SearchField, forms.MultipleChoiceField):
    """Several rows of an offer, at most ``max_length``: a list to tick, with a text field for more
    where the list is not all. The text field takes ids and exact names, separated by commas."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.offer = Offer()
        self.kept: dict[str, str] = {}
        self.typed = ""  # what the text field keeps: it names nothing
        self.more = False

    def fill(self, *kinds: Rows, chosen: Iterable[str], kept: dict[str, str]) -> None:
        """Set what is offered, what is listed as ``chosen``, and what may stay chosen though it is
        no longer offered (``kept``: value -> text)."""
        self.offer, self.kept = Offer(kinds), kept
        listed, more = self.offer.listed(LISTED)
        self.more = more
        if more:
            listed, _more = self.offer.listed(PAGE)
            self.hint = gettext(
                "The newest %(count)s of each kind are listed. Search for others by a part of the "
                "name, or give exact names or ids, separated by commas."
            ) % {"count": PAGE}
        options = [option for _title, some in listed for option in some]
        have = {value for value, _text in options}
        first = list(self._found([text for text in chosen if text not in have]).values())
        self.choices = [*dict.fromkeys(one for one in first if one[0] not in have), *options]
        have |= {value for value, _text in first}
        self.choices += [(v, text) for v, text in kept.items() if v not in have]

    def _found(self, given: list[str]) -> dict[str, tuple[str, str]]:
        """What texts name; of a name that several have, nothing."""
        try:
            return self.offer.options(given[: self.max_length])
        except ValidationError:
            return {}

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Names that were typed as the values that they name; what names nothing stays typed."""
        given = separated(data)
        found = self._found([one for one in given if one not in self.kept])
        self.typed = ", ".join(one for one in given if one not in found and one not in self.kept)
        return [found[one][0] if one in found else one for one in given]

    def to_python(self, value: Any) -> list[str]:
        """The values of the rows that were named. Raises ValidationError."""
        given = separated(value)
        if len(given) > self.max_length:
            raise ValidationError(
                _("Choose at most %(most)s."), params={"most": self.max_length}, code="TOO_MANY"
            )
        found = self.offer.options(one for one in given if one not in self.kept)
        for one in given:
            if one not in self.kept and one not in found:
                raise self.unknown(one)
        values = [one if one in self.kept else found[one][0] for one in given]
        return list(dict.fromkeys(values))

    def validate(self, value: list[str]) -> None:
        """Required or not; the values themselves were looked up."""
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")


def separated(value: Any) -> list[str]:
    """The texts of a field that may be sent several times, each with several of them."""
    parts = (part.strip()[:MAX_TEXT] for text in value or () for part in _PARTS.split(str(text)))
    return list(dict.fromkeys(part for part in parts if part))


def chosen_in(form: forms.BaseForm, name: str) -> list[str]:
    """What a form has for a field when it is set up: submitted, or filled in."""
    if form.is_bound:
        given = form.data.getlist(name) if hasattr(form.data, "getlist") else form.data.get(name)
    else:
        given = form.initial.get(name)
    return separated(given if isinstance(given, list | tuple) else [given or ""])


def refusals(form: forms.BaseForm) -> dict[str, str]:
    """Field -> why what a link names there is not chosen. The form keeps what can be chosen."""
    refused = {}
    for name, field in form.fields.items():
        if form.is_bound or not isinstance(field, SearchChoiceField | SearchChoicesField):
            continue
        given = chosen_in(form, name)
        kept = field.kept if isinstance(field, SearchChoicesField) else {}
        try:
            found = field.offer.options(one for one in given if one not in kept)
        except ValidationError:
            found = {}
        good = [found[one][0] if one in found else one for one in given if one in {*found, *kept}]
        if len(good) < len(given):
            refused[name] = field.refusal()
        if given:
            form.initial[name] = good if isinstance(field, SearchChoicesField) else "".join(good)
    return refused
