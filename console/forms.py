"""The base of resource forms: fieldsets, the actor for choices, problems from services."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext_lazy as _

from console.choices import refusals
from core.actor import Actor
from core.errors import AppError
from core.models.resource import validate_name

#: hidden fields that a page fills in itself: no link may
OWN_FIELDS = ("once", "version")
Fieldset = tuple[Any, Any, tuple[str, ...]]  # (title, help text, field names)


class ResourceForm(forms.Form):
    """A form over one resource. ``actor`` limits every choice to what they may use.

    ``once`` makes a double submit one submit; ``version`` guards an edit against a stale tab.
    """

    FIELDSETS: ClassVar[tuple[Fieldset, ...]] = ()

    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, actor: Actor, instance: Any = None, **kwargs: Any) -> None:
        initial = dict(kwargs.pop("initial", None) or {})
        initial.setdefault("once", uuid.uuid4().hex)
        if instance is not None:
            initial = {**self.initial_from(instance), **initial, "version": instance.version}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.actor = actor
        self.instance = instance
        self.setup()
        #: field -> why what a link names there is not chosen
        self.refused = refusals(self)

    def setup(self) -> None:
        """Hook: fill choices, drop fields that an edit must not offer."""

    def initial_from(self, instance: Any) -> dict[str, Any]:
        return {
            name: getattr(instance, name) for name in self.base_fields if hasattr(instance, name)
        }

    def data_for_service(self) -> dict[str, Any]:
        """Cleaned data without the form's own fields."""
        return {k: v for k, v in self.cleaned_data.items() if k not in OWN_FIELDS}

    def fieldsets(self) -> list[dict[str, Any]]:
        """Fieldsets as templates draw them; fields without a place come last."""
        placed: set[str] = set(OWN_FIELDS)
        drawn = []
        for title, text, names in self.FIELDSETS:
            fields = [self[name] for name in names if name in self.fields]
            placed |= set(names)
            if fields:
                drawn.append({"title": title, "help": text, "fields": fields})
        rest = [self[name] for name in self.fields if name not in placed]
        if rest:
            drawn.append({"title": "", "help": "", "fields": rest})
        return drawn

    def add_app_error(self, error: AppError) -> None:
        """Put an application error beside the fields it names; nothing typed is lost."""
        for problem in error.problems:
            field = problem.field.split(".")[0].split("[")[0]
            text = problem.told()
            self.add_error(field if field in self.fields else None, text)
        if not error.problems:
            self.add_error(None, error.told())

    def problems(self) -> list[dict[str, str]]:
        """Every error with the field to jump to, for the summary; of a form that was not sent yet,
        what it was opened for and does not take."""
        errors = self.errors if self.is_bound else {k: [v] for k, v in self.refused.items()}
        return [
            {
                "field": "" if name == NON_FIELD_ERRORS else self[name].id_for_label,
                "label": "" if name == NON_FIELD_ERRORS else str(self[name].label),
                "text": str(text),
                "next": "",
            }
            for name, texts in errors.items()
            for text in texts
        ]


class NamedForm(ResourceForm):
    """Name and description, which nearly every resource has."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        validators=[validate_name],
        help_text=_("1 to 64 letters, digits, Chinese characters, “.”, “_” or “-”."),
    )
    description = forms.CharField(label=_("Description"), max_length=255, required=False)


class Choices(forms.MultipleChoiceField):
    """Several of a list, at most ``max_length``, counted before any is looked up."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def to_python(self, value: Any) -> list[str]:
        """The chosen values. Raises ValidationError."""
        refuse_more(value, self.max_length)
        return super().to_python(value)


class ModelChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Several rows, at most ``max_length``, counted before any is looked up."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def clean(self, value: Any) -> Any:
        """The chosen rows. Raises ValidationError."""
        refuse_more(value, self.max_length)
        return super().clean(value)


def refuse_more(value: Any, most: int) -> None:
    """Raise ValidationError for a list of more than ``most`` values."""
    if isinstance(value, list | tuple) and len(value) > most:
        raise forms.ValidationError(
            _("Choose at most %(most)s."), params={"most": most}, code="TOO_MANY"
        )
