"""StoredObject: one key of a bucket and the bytes it stands for now."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat
from django.db.models.lookups import Exact, Regex
from django.utils.translation import gettext_lazy as _

from accounts.rows import anchored
from core.managers import ScopedManager
from storage.blob.models import Blob
from storage.bucket.models import Bucket
from storage.keys import MAX_KEY_BYTES
from storage.object.fields import KeyField

DEFAULT_TYPE = "application/octet-stream"


class StoredObject(models.Model):
    """Not a Resource: it has no page, no tags and no version of its own; its digest is its ETag.

    ``account`` and ``region`` repeat the bucket's, so that list filters of policies apply. The
    bucket's tags count for it as well.
    """

    #: whose tags and workspace conditions of policies ask about
    HOLDER: ClassVar[str] = "bucket"

    id = models.BigAutoField(primary_key=True)
    bucket = models.ForeignKey(Bucket, on_delete=models.PROTECT, related_name="stored")
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    region = models.CharField(max_length=32, blank=True, default="")
    key = KeyField(_("key"), max_length=MAX_KEY_BYTES)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="objects_of")
    size = models.PositiveBigIntegerField(_("size"))  # bytes
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=127, default=DEFAULT_TYPE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = _("object")
        verbose_name_plural = _("objects")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["bucket", "key"], name="object_bucket_key")
        ]

    def __str__(self) -> str:
        return str(self.key)

    @property
    def access_path(self) -> str:
        """``bucket/key``, as policies write it."""
        return f"{self.bucket.name}/{self.key}"

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'

    @classmethod
    def access_path_q(cls, patterns: list[str]) -> Q:
        """Rows whose ``bucket/key`` matches one of the policy patterns."""
        found = Q(pk__in=[])
        for pattern in patterns:
            path = Concat(F("bucket__name"), Value("/"), F("key"), output_field=models.CharField())
            test = Regex(path, anchored(pattern)) if "*" in pattern else Exact(path, pattern)
            found |= Q(test)
        return found
