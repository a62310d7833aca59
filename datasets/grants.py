"""A shared dataset shares its versions: the grants are on the dataset, the questions about both."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Model, Q

from core.actor import Actor
from core.models import Resource
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from sharing import grants


class VersionGrants:
    """Implements ``core.grants.GrantProvider`` for versions by asking about their dataset."""

    def __init__(self) -> None:
        self._datasets = grants.Provider()

    def operations(self, actor: Actor, target: Model) -> Mapping[str, str]:
        """Full action -> unit, as granted on the version's dataset."""
        if not isinstance(target, DatasetVersion):
            return {}
        return self._datasets.operations(actor, target.dataset)

    def shared_filter(self, actor: Actor, action: str, model: type[Resource]) -> Q | None:
        """Versions of the datasets on which a live grant contains ``action``."""
        if model is not DatasetVersion:
            return None
        found = self._datasets.shared_filter(actor, action, Dataset)
        if found is None:
            return None
        rows = Dataset.objects.unscoped("datasets a live grant opens").filter(found)
        return Q(dataset__in=rows.values("pk"))

    def shared_walk(self, actor: Actor, action: str, model: type[Resource]) -> None:
        """None: versions are listed under their dataset."""
        return None
