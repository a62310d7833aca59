"""What a rerun will do, for the page that asks."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.ui.format import bytes_text
from core.actor import Actor
from core.errors import AppError
from core.registry import InventoryGroup
from training.job import output_paths, services
from training.job.models import TrainingJob


def rerun(actor: Actor, job: TrainingJob) -> list[InventoryGroup]:
    """The program as it lies there now, what it reads, and where the new job writes."""
    name = services.next_name(job)
    outputs = output_paths.of_rerun(job.outputs, job.name, name)
    program = f"obs://{job.code_bucket}/{job.code_prefix}{job.boot_file}"
    reads = tuple((_source(item), "") for item in job.inputs)
    groups = [
        InventoryGroup(
            _("Runs as job %(name)s") % {"name": name},
            ((program, ""), (f"{job.engine} · {job.flavor}", "")),
            "info",
        ),
        InventoryGroup(_("Reads"), reads, "info"),
        InventoryGroup(
            _("Writes to, unless you change it"),
            tuple((output_paths.path(place), "") for place in outputs),
            "info",
        ),
        InventoryGroup(_("There lies already"), _there(actor, outputs), "warning"),
    ]
    return [group for group in groups if group.items]


def _source(item: dict[str, str]) -> str:
    if "dataset_version" in item:
        return f"{item['name']}: dataset version {item['dataset_version']}"
    return f"{item['name']}: {output_paths.path(item)}"


def _there(actor: Actor, outputs: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    try:
        found = output_paths.filled(actor, outputs)
    except AppError:  # the bucket is gone or not the reader's: the rerun itself says so
        return ()
    return tuple((_words(seen), "") for seen in found)


def _words(seen: dict[str, Any]) -> str:
    if not seen["objects"]:
        return gettext("%(path)s: objects that you may not read") % seen
    words = ngettext(
        "%(path)s: %(count)s object, %(size)s",
        "%(path)s: %(count)s objects, %(size)s",
        seen["objects"],
    ) % {
        "path": seen["path"],
        "count": f"{seen['objects']}{'+' if seen['more'] else ''}",
        "size": bytes_text(seen["bytes"]),
    }
    if seen["unreadable"]:
        return gettext("%(words)s, and objects that you may not read") % {"words": words}
    return words
