"""Forms of dataset versions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.choices import Rows, SearchChoiceField
from console.forms import ResourceForm
from core.errors import ValidationFailed
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from storage.bucket.queries import bucket_rows
from storage.keys import normalise_folder


def folder_field() -> forms.CharField:
    return forms.CharField(
        label=_("Folder"),
        max_length=1024,
        required=False,
        help_text=_("Everything below it becomes part of the version; empty: the whole bucket."),
    )


class FolderClean:
    """Mix-in: a folder in its only spelling, or a message beside the field."""

    cleaned_data: dict[str, Any]

    def clean_prefix(self) -> str:
        try:
            return normalise_folder(self.cleaned_data.get("prefix", ""))
        except ValidationFailed as error:
            raise forms.ValidationError(error.message) from None


class AddVersionForm(FolderClean, ResourceForm):
    """Where the next version of a dataset is taken from."""

    bucket = SearchChoiceField(label=_("Bucket"), empty=_("Choose a bucket"))
    prefix = folder_field()  # type: ignore[assignment]
    description = forms.CharField(label=_("Description"), max_length=255, required=False)

    def setup(self) -> None:
        field = self.fields["bucket"]
        assert isinstance(field, SearchChoiceField)  # declared above
        region = self.instance.region if self.instance is not None else self.actor.region
        field.fill(bucket_rows(self.actor, region))

    def initial_from(self, instance: Any) -> dict[str, Any]:
        rows = DatasetVersion.objects.unscoped("source of the last version of a visible dataset")
        last = rows.filter(dataset=instance).order_by("-number").first()
        return dict(last.source) if last else {}


class VersionForm(AddVersionForm):
    """The same with the dataset to choose."""

    dataset = SearchChoiceField(label=_("Dataset"))

    FIELDSETS = (
        (_("Version"), _("A snapshot that never changes."), ("dataset", "description")),
        (_("Source"), _("The files as they are now."), ("bucket", "prefix")),
    )

    def setup(self) -> None:
        super().setup()
        field = self.fields["dataset"]
        assert isinstance(field, SearchChoiceField)  # declared above
        field.fill(Rows(Dataset.objects.own(self.actor, "list").filter(region=self.actor.region)))


class VersionEditForm(ResourceForm):
    """What may change of a version."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)
