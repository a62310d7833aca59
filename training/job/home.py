"""What training adds to the home page: numbers and a first step."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core import access, shell
from core.actor import Actor
from training.job.models import TrainingJob


@shell.add_tiles
def tiles(actor: Actor) -> list[shell.Tile]:
    """Jobs that run, wait or need a look."""
    if not access.decide(actor, "modelarts:trainJob:list").allowed:
        return []
    rows = TrainingJob.objects.own(actor, "list").filter(region=actor.region)
    running = rows.filter(phase__in=("Creating", "Pending", "Running", "Terminating")).count()
    bad = rows.filter(phase__in=("Failed", "Abnormal")).count()
    url = reverse("training-jobs:list")
    return [
        shell.Tile(_("Jobs at work"), running, url, "player-play", "blue", order=10),
        shell.Tile(
            _("Jobs that failed"),
            bad,
            f"{url}?phase=Failed",
            "alert-circle",
            "red" if bad else "grey",
            order=20,
        ),
    ]


@shell.add_first_steps
def first_steps(actor: Actor) -> list[shell.FirstStep]:
    if not access.decide(
        actor, "modelarts:trainJob:create", context={"modelarts:poolType": "public"}
    ).allowed:
        return []
    done = TrainingJob.objects.own(actor, "list").filter(phase="Completed").exists()
    return [
        shell.FirstStep(
            _("Train with your own code"),
            _("A Python file in a bucket, an engine and a place for the results."),
            reverse("training-jobs:create"),
            _("New training job"),
            done,
            30,
        )
    ]
