"""What the kernel knows of buckets."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Verb, register
from storage.bucket import services
from storage.bucket.models import Bucket

SPEC = register(
    Declaration(
        model=Bucket,
        slug="buckets",
        iam="obs:bucket",
        label=_("Bucket"),
        label_plural=_("Buckets"),
        section="data",
        order=10,
        actions={
            "list": "ListAllMyBuckets",
            "get": "HeadBucket",
            "create": "CreateBucket",
            "update": "PutBucketTagging",
            "delete": "DeleteBucket",
        },
        services=services,
        verbs=(
            Verb(
                "purge",
                "obs:bucket:DeleteBucket",
                _("Empty"),
                services.purge,
                event="purgeBucket",
            ),
        ),
        quota=("buckets", 100),
    )
)
