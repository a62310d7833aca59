"""What a click on *Use* does: files into a bucket of the user's, a dataset, the form's values."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from core import access, registry
from core.actor import Actor
from datasets.dataset import services as datasets
from datasets.dataset.models import Dataset
from storage.bucket import services as buckets
from storage.bucket.models import Bucket
from storage.object import services as objects
from storage.object.models import StoredObject
from training.sample.catalogue import DATA, Sample

DATASET = "sample-digits"


def bucket_name(region: str) -> str:
    """The bucket of an account in which its samples of one region lie."""
    return f"samples-{region}"


def use(actor: Actor, sample: Sample) -> str:
    """Put the files that are not there yet, make the dataset once, and return the query that fills
    in the form of a training job. What the user changed in the bucket stays as it is.

    Raises: AccessDenied, QuotaExceeded and what storing an object raises.
    """
    bucket = _bucket(actor)
    files = sample.files()
    # Files that the user may not read are there, too, and stay.
    rows = StoredObject.objects.unscoped("keys of the sample that are taken")
    there = set(rows.filter(bucket=bucket, key__in=list(files)).values_list("key", flat=True))
    for key, path in files.items():
        if key not in there:
            with path.open("rb") as file:
                objects.put_object(actor, bucket.name, key, file, size=path.stat().st_size)
    _dataset(actor, bucket)
    name = f"{sample.name}-{secrets.token_hex(3)}"
    lines = (k if v is None else f"{k}={v}" for k, v in sample.hyperparameters.items())
    return urlencode(
        {
            "name": name,
            "code_bucket": bucket.name,
            "code_prefix": f"{sample.name}/",
            "boot_file": "train.py",
            "engine": sample.engine,
            "inputs": f"data_url=obs://{bucket.name}/{DATA}",
            "outputs": f"train_url=obs://{bucket.name}/output/{name}/",
            "hyperparameters": "\n".join(lines),
        }
    )


def _bucket(actor: Actor) -> Bucket:
    name = bucket_name(actor.region)
    rows = Bucket.objects.for_action(actor, "get")
    found: Bucket | None = rows.filter(account_id=actor.account_id, name=name).first()
    return found or buckets.create(actor, {"name": name})


def _dataset(actor: Actor, bucket: Bucket) -> None:
    """Once per account and region, for users who may make datasets."""
    spec = registry.spec_of(Dataset)
    target = access.Target(actor.account_id, region=actor.region)
    if not access.decide(actor, spec.action("create"), target).allowed:
        return
    rows = Dataset.objects.unscoped("whether the name is taken")
    if rows.filter(account_id=actor.account_id, region=actor.region, name=DATASET).exists():
        return
    datasets.create(actor, {"name": DATASET, "bucket": bucket.name, "prefix": DATA})
