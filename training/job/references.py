"""What a training job refers to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from core.registry import Ref, Role
from datasets import queries as datasets
from storage.bucket import queries as buckets
from training.job.models import TrainingJob

ROOT = _("the root of the bucket")
#: code and inputs matter until they are fetched, outputs until they are verified
ROLES = {
    "code": Role(_("reads its code from"), _("read its code from"), holds=True, whole=ROOT),
    "input": Role(_("reads"), _("read"), holds=True, whole=ROOT),
    "data": Role(_("trains on"), _("was trained on"), holds=True),
    "output": Role(_("writes to"), _("wrote to"), holds=True, writes=True, whole=ROOT),
}


def of(job: TrainingJob) -> Iterator[Ref]:
    """Code directory, inputs and outputs; a bucket that is not there is left out."""
    places = [("code", job.code_bucket, job.code_prefix)]
    for role, items in (("input", job.inputs), ("output", job.outputs)):
        places += [(role, i["bucket"], i["prefix"]) for i in items if "bucket" in i]
    known = buckets.ids_of(job.account_id, {name for _role, name, _prefix in places})
    for role, name, prefix in places:
        if name in known:
            yield Ref(role, buckets.TYPE, known[name], prefix)
    for item in job.inputs:
        if "dataset_version" in item:
            yield Ref("data", datasets.VERSION_TYPE, uuid.UUID(item["dataset_version"]))
