"""What pages show of algorithms."""

from django.utils.translation import gettext_lazy as _
from training.algorithm.api import AlgorithmViewSet
from training.algorithm.forms import AlgorithmForm
from training.algorithm.models import Algorithm

from console.screens import Column, Screen, register

register(
    Screen(
        model=Algorithm,
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("code", _("Code directory")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        form=AlgorithmForm,
        viewset=AlgorithmViewSet,
    )
)
