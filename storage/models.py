"""Tables of this room."""

from storage.blob.models import Blob, StoredBytes
from storage.bucket.models import Bucket
from storage.object.models import StoredObject

__all__ = ["Blob", "Bucket", "StoredBytes", "StoredObject"]
