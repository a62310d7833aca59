"""The form of a share unit: what, with which permission, with whom. One form, then a confirmation
that says in words what will be granted; nothing typed is lost on the way back."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, ClassVar

from django import forms
from django.core import signing
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.choices import Rows, SearchChoicesField, by_name, chosen_in
from console.forms import Fieldset, ResourceForm
from core import registry
from sharing import grants, words
from sharing.permission import catalog
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource, validate_unit_name
from sharing.unit.plan import GONE, MAX_RESOURCES

_SEPARATORS = re.compile(r"[\s,;，；、]+")


class UnitForm(ResourceForm):
    """Create and edit. On an edit, what is unticked is removed and what is ticked is added."""

    FIELDSETS: ClassVar[tuple[Fieldset, ...]] = (
        (_("1. What to share"), _("Only your own resources, all of one region."),
         ("name", "description", "resources")),
        (_("2. Permission"), _("One per type. It cannot be changed while something uses it."), ()),
        (_("3. With whom"), _("Each account is invited and has 7 days to accept."),
         ("principals", "valid_until")),
    )  # fmt: skip

    name = forms.CharField(
        label=_("Name"),
        max_length=50,
        validators=[validate_unit_name],
        help_text=_("1 to 50 letters, digits, Chinese characters, “.”, “_” or “-”."),
    )
    description = forms.CharField(label=_("Description"), max_length=255, required=False)
    resources = SearchChoicesField(max_length=MAX_RESOURCES, label=_("Resources"), required=False)
    principals = forms.CharField(
        label=_("Account ids"),
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=2000,
        help_text=_("10 digits each, separated by blanks, commas or line breaks."),
    )
    valid_until = forms.DateTimeField(
        label=_("Ends at (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: until you delete the share unit."),
    )

    instance: ShareUnit | None

    def setup(self) -> None:
        field = self.fields["resources"]
        assert isinstance(field, SearchChoicesField)  # declared above
        kinds = []
        for spec in grants.shareable_specs():
            kind = self._rows(spec)
            kinds.append(kind)
            if self._bound(spec.type_label) or kind.rows.exists():
                self._add_permission(spec)
        inside = {
            f"{row.resource_type}:{row.resource_id}": row.resource_name for row in self._inside()
        }
        field.fill(*kinds, chosen=chosen_in(self, "resources"), kept=inside)
        field.required = self.instance is None
        if not field.choices:
            names = ", ".join(str(s.label_plural).lower() for s in grants.shareable_specs())
            field.help_text = gettext(
                "You have nothing to share in region %(region)s yet. "
                "These can be shared: %(kinds)s."
            ) % {"region": self.region, "kinds": names or "–"}

    @property
    def region(self) -> str:
        return self.instance.region if self.instance is not None else self.actor.region

    def initial_from(self, instance: ShareUnit) -> dict[str, Any]:
        rows = instance.resources.filter(state__in=UnitResource.LIVE)
        people = instance.principals.filter(state__in=UnitPrincipal.LIVE).order_by("account_id")
        return {
            "name": instance.name,
            "description": instance.description,
            "valid_until": instance.valid_until,
            "resources": [f"{row.resource_type}:{row.resource_id}" for row in rows],
            "principals": "\n".join(people.values_list("account_id", flat=True)),
        }

    def clean_principals(self) -> list[str]:
        found = _SEPARATORS.split(self.cleaned_data["principals"])
        return list(dict.fromkeys(text for text in found if text))

    def data_for_service(self) -> dict[str, Any]:
        """What ``services.create`` or ``services.update`` takes."""
        data = self.cleaned_data
        shared = {k: data[k] for k in ("name", "description", "valid_until")}
        if self.instance is None:
            items = [_item(value) for value in data["resources"]]
            shared["permissions"] = self._permissions(items)
            return {**shared, "resources": items, "principals": data["principals"]}
        before = self.initial_from(self.instance)
        had, accounts = list(before["resources"]), before["principals"].split()
        added = [_item(v) for v in data["resources"] if v not in had]
        return {
            **shared,
            "permissions": self._permissions(added),
            "add_resources": added,
            "remove_resources": [_item(v) for v in had if v not in data["resources"]],
            "add_principals": [a for a in data["principals"] if a not in accounts],
            "remove_principals": [a for a in accounts if a not in data["principals"]],
        }

    def _permissions(self, items: list[dict[str, str]]) -> dict[str, str]:
        """What was chosen for the types of ``items``; the form offers other types as well."""
        chosen = {kind: self.cleaned_data.get(f"permission-{kind}") for kind in _types(items)}
        return {kind: name for kind, name in chosen.items() if name}

    def seal(self) -> str:
        """Signature of what was asked: the confirmation holds for exactly this and this user."""
        text = json.dumps(self.data_for_service(), sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return signing.Signer(salt="sharing.unit.confirm").sign(f"{self.actor.user_id}.{digest}")

    def _rows(self, spec: registry.Declaration) -> Rows:
        rows = spec.model.objects.own(self.actor, spec.model.READ_VERB)
        if spec.regional:
            rows = rows.filter(region=self.region)
        if spec.share_phases:
            rows = rows.filter(phase__in=spec.share_phases)
        elif hasattr(spec.model, "Phase"):
            rows = rows.exclude(phase__in=GONE)
        return Rows(
            rows,
            search=spec.search,
            text=lambda obj: f"{spec.label} · {obj}",
            exact=getattr(spec.model, "called", by_name),
            prefix=f"{spec.type_label}:",
        )

    def _inside(self) -> list[UnitResource]:
        if self.instance is None:
            return []
        return list(self.instance.resources.filter(state__in=UnitResource.LIVE))

    def _bound(self, kind: str) -> bool:
        return any(row.resource_type == kind for row in self._inside())

    def _add_permission(self, spec: registry.Declaration) -> None:
        """A radio per permission of the type; none where the unit uses one already."""
        if self._bound(spec.type_label):
            return
        offered = list(catalog.latest(spec.type_label))
        if not offered:
            return
        name = f"permission-{spec.type_label}"
        self.fields[name] = forms.ChoiceField(
            label=gettext("Permission on %(things)s") % {"things": str(spec.label_plural).lower()},
            choices=[
                (p.name, f"{p.title}. {words.may_sentence(words.permission_words(p))}")
                for p in offered
            ],
            initial=self._permission_before(spec.type_label)
            or catalog.default_of(spec.type_label).name,
            widget=forms.RadioSelect,
            required=False,
        )

    def _permission_before(self, kind: str) -> str:
        """What the unit gave while something of the type was in it."""
        rows = self.instance.permissions.filter(resource_type=kind) if self.instance else ()
        return next((row.permission for row in rows), "")

    def fieldsets(self) -> list[dict[str, Any]]:
        names = tuple(name for name in self.fields if name.startswith("permission-"))
        sets: list[Any] = [list(one) for one in type(self).FIELDSETS]
        sets[1][2] = names
        drawn = []
        for title, text, fields in sets:
            bound = [self[name] for name in fields if name in self.fields]
            if bound:
                drawn.append({"title": title, "help": text, "fields": bound})
        return drawn


def _types(items: list[dict[str, str]]) -> set[str]:
    return {item["type"] for item in items}


def _item(value: str) -> dict[str, str]:
    kind, _sep, pk = value.partition(":")
    return {"type": kind, "id": pk}
