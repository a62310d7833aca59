"""Django application of this room."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Datasets and versions."""

    name = "datasets"

    def ready(self) -> None:
        from core import grants
        from datasets import uses as dataset_uses
        from datasets.grants import VersionGrants
        from datasets.version import reconcile, uses  # noqa: F401 registers itself
        from sharing import uses as share_uses

        grants.register(VersionGrants())
        share_uses.register(dataset_uses.for_shares)
