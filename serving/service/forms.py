"""The forms of a service."""

from __future__ import annotations

import uuid

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.catalog.flavors import DEFAULT_FLAVOR, fitting, pools
from console.forms import NamedForm, ResourceForm
from registry.model.models import Model
from serving.service.models import MAX_REPLICAS


class ModelField(forms.ChoiceField):
    """The models one may deploy. Any other id is let through to the service, whose refusal says
    why (a share that has ended, another account's model), and is written to the trail."""

    def valid_value(self, value: str) -> bool:
        if super().valid_value(value):
            return True
        try:
            uuid.UUID(str(value))
        except ValueError:
            return False
        return True


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

    model = ModelField(label=_("Model"))
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
        own = Model.objects.own(self.actor, "deploy").filter(region=self.actor.region)
        shared = Model.objects.shared(self.actor, "deploy").filter(region=self.actor.region)
        groups = []
        for title, rows in ((_("My models"), own), (_("Shared models"), shared)):
            found = rows.filter(phase=Model.Phase.PUBLISHED).order_by("-created_at")[:200]
            if found:
                groups.append((title, [(str(m.pk), f"{m} · {m.engine}") for m in found]))
        self.fields["model"].choices = groups  # type: ignore[attr-defined]
        self.fields["pool"].choices = [(p.id, gettext(p.label)) for p in pools().values()]  # type: ignore[attr-defined]
        self.fields["flavor"].choices = [  # type: ignore[attr-defined]
            (f.id, f.label) for f in fitting(pools()["public"])
        ]


class ServiceEditForm(ResourceForm):
    """What may change on a service."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)
    replicas = forms.IntegerField(label=_("Instances"), min_value=1, max_value=MAX_REPLICAS)
