"""What the kernel knows of algorithms."""

from django.utils.translation import gettext_lazy as _
from training.algorithm import services
from training.algorithm.models import Algorithm

from core.registry import Declaration, register

SPEC = register(
    Declaration(
        model=Algorithm,
        slug="algorithms",
        iam="modelarts:algorithm",
        label=_("Algorithm"),
        label_plural=_("Algorithms"),
        section="train",
        services=services,
        quota=("algorithms", 100),
    )
)
