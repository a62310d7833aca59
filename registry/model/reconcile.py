"""Publishing: inspect the package in a child, without running it, then give the verdict."""

from __future__ import annotations

from functools import partial

from compute.engines.catalogue import engine_packages, engine_types
from core import actor as actors
from core.reconcile import reconciler
from registry.model import services
from registry.model.models import Model, ModelFile
from registry.package import Opener, inspect_bounded
from storage.blob import services as blobs


@reconciler(Model, long=True)
def reconcile(model: Model) -> float | None:
    """Check a model that is being published; settled ones are left alone."""
    if model.phase != Model.Phase.PUBLISHING:
        return None
    files = {
        row.path: Opener(row.size, partial(blobs.read, row.blob))
        for row in ModelFile.objects.select_related("blob").filter(model=model)
    }
    report = inspect_bounded(files, engine_types=engine_types(), engine_packages=engine_packages())
    services.checked(model, report, actor=actors.system("registry"))
    return None
