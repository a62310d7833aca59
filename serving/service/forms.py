"""The forms of a service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.catalog.flavors import DEFAULT_FLAVOR, fitting, pools
from console.choices import Rows, SearchChoiceField, chosen_in
from console.forms import NamedForm, ResourceForm
from registry.model.models import Model
from serving.service.models import MAX_REPLICAS


def model_rows(rows: QuerySet[Any], title: Any) -> Rows:
    """Models to choose from, found by name, version and engine."""
    return Rows(
        rows,
        title,
        search=("name", "model_version", "engine"),
        text=lambda model: f"{model} · {model.engine}",
        exact=Model.called,
    )


class ServiceForm(NamedForm):
    """Deploy a model of one's own or a shared one."""

    FIELDSETS = (
        (_("Service"), "", ("name", "description")),
        (
            _("Model"),
            _("Published models of this account, and models that others share with it."),
            ("model",),
        ),
        (_("Resources"), "", ("pool", "flavor", "replicas")),
    )

    model = SearchChoiceField(label=_("Model"), passed_on=True)
    pool = forms.ChoiceField(label=_("Resource pool"))
    flavor = forms.ChoiceField(label=_("Flavor"), initial=DEFAULT_FLAVOR)
    replicas = forms.IntegerField(
        label=_("Instances"),
        initial=1,
        min_value=1,
        max_value=MAX_REPLICAS,
        help_text=_("Each is a model server of this flavor; requests are spread over them."),
    )

    def setup(self) -> None:
        own, shared = Model.objects.offered(self.actor, "deploy")
        published = {"phase": Model.Phase.PUBLISHED, "region": self.actor.region}
        field = self.fields["model"]
        assert isinstance(field, SearchChoiceField)  # declared above
        field.fill(
            model_rows(own.filter(**published), _("My models")),
            model_rows(shared.filter(**published), _("Shared models")),
            chosen="".join(chosen_in(self, "model")),
        )
        self.fields["pool"].choices = [(p.id, gettext(p.label)) for p in pools().values()]  # type: ignore[attr-defined]
        self.fields["flavor"].choices = [  # type: ignore[attr-defined]
            (f.id, f.label) for f in fitting(pools()["public"])
        ]


class ServiceEditForm(ResourceForm):
    """What may change on a service."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)
    replicas = forms.IntegerField(label=_("Instances"), min_value=1, max_value=MAX_REPLICAS)
