"""Tables of this room."""

from datasets.dataset.models import Dataset, DatasetGrant
from datasets.version.models import DatasetFile, DatasetVersion

__all__ = ["Dataset", "DatasetFile", "DatasetGrant", "DatasetVersion"]
