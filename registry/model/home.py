"""What models add to the home page: a first step."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core import access, shell
from core.actor import Actor
from registry.model.models import Model


@shell.add_first_steps
def first_steps(actor: Actor) -> list[shell.FirstStep]:
    if not access.decide(actor, "modelarts:model:create").allowed:
        return []
    done = Model.objects.own(actor, "list").filter(phase="Published").exists()
    return [
        shell.FirstStep(
            _("Register the model"),
            _("The output of a job, checked and unchanging from then on."),
            reverse("models:create"),
            _("Register a model"),
            done,
            40,
        )
    ]
