"""Forms of datasets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.choices import SearchChoiceField
from console.forms import NamedForm
from datasets.dataset.models import Dataset
from datasets.version.forms import FolderClean, folder_field
from storage.bucket.queries import bucket_rows


class DatasetForm(FolderClean, NamedForm):
    """A new dataset and, where a bucket is chosen, its first version."""

    format = forms.ChoiceField(
        label=_("Format"), choices=Dataset.Format.choices, widget=forms.RadioSelect
    )
    classes = forms.IntegerField(
        label=_("Classes"),
        min_value=1,
        max_value=256,
        initial=10,
        required=False,
        help_text=_("Labels of IDX files lie in 0 to this number less one."),
    )
    bucket = SearchChoiceField(label=_("Bucket"), required=False, empty=_("No version yet"))
    prefix = folder_field()  # type: ignore[assignment]

    FIELDSETS = (
        (_("Dataset"), "", ("name", "description")),
        (
            _("Format"),
            _("IDX files are read and checked one by one; other files are taken as they are."),
            ("format", "classes"),
        ),
        (
            _("First version"),
            _("A snapshot of what lies there now. Later uploads change nothing in it."),
            ("bucket", "prefix"),
        ),
    )

    def setup(self) -> None:
        self.initial.setdefault("format", Dataset.Format.IDX)
        field = self.fields["bucket"]
        assert isinstance(field, SearchChoiceField)  # declared above
        field.fill(bucket_rows(self.actor))

    def data_for_service(self) -> dict[str, Any]:
        data = super().data_for_service()
        return {**data, "classes": data.get("classes") or 10}


class DatasetEditForm(NamedForm):
    """Name and description; format and classes are fixed."""
