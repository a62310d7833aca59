"""What the kernel knows of dataset versions. A dataset leads to them, so no menu entry."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Ref, Role, Verb, register
from datasets.version import services
from datasets.version.models import DatasetVersion
from storage.bucket import queries as buckets


def refers_to(version: DatasetVersion) -> Iterator[Ref]:
    """The folder it was made from."""
    source = version.source
    if source:
        for pk in buckets.ids_of(version.account_id, [source["bucket"]]).values():
            yield Ref("source", buckets.TYPE, pk, source.get("prefix", ""))


SPEC = register(
    Declaration(
        model=DatasetVersion,
        slug="dataset-versions",
        iam="modelarts:dataset",
        label=_("Dataset version"),
        label_plural=_("Dataset versions"),
        actions={
            "list": "listDatasetVersions",
            "get": "getDatasetVersion",
            "create": "createDatasetVersion",
            "update": "updateDataset",
            "delete": "deleteDatasetVersion",
        },
        services=services,
        filters=("phase", "dataset"),
        search=("name", "dataset__name", "description"),
        prepare=lambda rows: rows.select_related("dataset"),
        verbs=(
            Verb(
                "retry",
                "modelarts:dataset:createDatasetVersion",
                _("Check again"),
                services.retry,
                phases=frozenset({"Error"}),
                event="retryDatasetVersion",
            ),
        ),
        events={
            "create": "publishDatasetVersion",
        },
        trail_type="dataset",
        shared_with="datasets.dataset",
        #: a version keeps its bytes by itself, so it holds no bucket
        references={"source": Role(_("was made from"))},
        refers_to=refers_to,
    )
)
