"""The share permissions that ship with the product. Never edit a published one: add a version."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from sharing.permission.catalog import Right, SharePermission, register

MODEL_SEE = (
    Right("list", _("see it among the shared models")),
    Right("get", _("open it: versions, measures, inputs and outputs")),
)
MODEL_NEVER = _("change, delete, export or share it on")
DATASET_SEE = (
    Right("listDatasets", _("see it among the shared datasets")),
    Right("getDataset", _("open it and look at its contents")),
    Right("listDatasetVersions", _("see every version, also those made later")),
    Right("getDatasetVersion", _("open every version, also those made later")),
)
DATASET_NEVER = _("change, delete or share it on, or add versions")


def load() -> None:
    """Publish all of them; called once, while the application starts."""
    deploy = Right("deploy", _("deploy it as a service of one's own account"))
    infer = Right("infer", _("call the services that one's own account deploys from it"))
    tune = Right("finetune", _("train it further, which nothing in this version does yet"))
    for permission in (
        SharePermission(
            "ModelUse", "registry.model", 1, _("Use the model"),
            (*MODEL_SEE, deploy, infer), MODEL_NEVER, default=True,
        ),
        SharePermission(
            "ModelUseAndFineTune", "registry.model", 1, _("Use the model and train it further"),
            (*MODEL_SEE, deploy, infer, tune), MODEL_NEVER,
        ),
        SharePermission(
            "ModelRead", "registry.model", 1, _("Look at the model"), MODEL_SEE, MODEL_NEVER
        ),
        SharePermission(
            "DatasetUse", "datasets.dataset", 1, _("Use the dataset"),
            (*DATASET_SEE, Right("use", _("use it in one's own training jobs"))),
            DATASET_NEVER, default=True,
        ),
        SharePermission(
            "DatasetRead", "datasets.dataset", 1, _("Look at the dataset"), DATASET_SEE,
            DATASET_NEVER,
        ),
    ):  # fmt: skip
        register(permission)
