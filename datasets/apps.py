"""Django application of this room."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Datasets and versions."""

    name = "datasets"

    def ready(self) -> None:
        from core import grants
        from datasets.grants import VersionGrants
        from datasets.version import reconcile  # noqa: F401 registers itself

        grants.register(VersionGrants())
