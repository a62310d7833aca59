"""Forms of dataset versions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ResourceChoiceField, ResourceForm
from core.errors import ValidationFailed
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from storage.bucket.models import Bucket
from storage.keys import normalise_folder


def bucket_choices(form: ResourceForm, *, empty: Any) -> None:
    """Fill the ``bucket`` field with the names of the buckets of the dataset's region, which for a
    new dataset is the one chosen at the top."""
    region = form.instance.region if form.instance is not None else form.actor.region
    rows = Bucket.objects.own(form.actor, "list").filter(region=region)
    names = list(rows.order_by("name").values_list("name", flat=True)[:1000])
    field = form.fields["bucket"]
    assert isinstance(field, forms.ChoiceField)  # declared below
    field.choices = [("", empty), *((name, name) for name in names)]


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

    bucket = forms.ChoiceField(label=_("Bucket"))
    prefix = folder_field()
    description = forms.CharField(label=_("Description"), max_length=255, required=False)

    def setup(self) -> None:
        bucket_choices(self, empty=_("Choose a bucket"))

    def initial_from(self, instance: Any) -> dict[str, Any]:
        rows = DatasetVersion.objects.unscoped("source of the last version of a visible dataset")
        last = rows.filter(dataset=instance).order_by("-number").first()
        return dict(last.source) if last else {}


class VersionForm(AddVersionForm):
    """The same with the dataset to choose."""

    dataset = ResourceChoiceField(Dataset, label=_("Dataset"))

    FIELDSETS = (
        (_("Version"), _("A snapshot that never changes."), ("dataset", "description")),
        (_("Source"), _("The files as they are now."), ("bucket", "prefix")),
    )

    def setup(self) -> None:
        super().setup()
        field = self.fields["dataset"]
        assert isinstance(field, ResourceChoiceField)  # declared above
        field.for_actor(self.actor, account_id=self.actor.account_id, region=self.actor.region)

    def data_for_service(self) -> dict[str, Any]:
        data = super().data_for_service()
        return {**data, "dataset": data["dataset"].pk}


class VersionEditForm(ResourceForm):
    """What may change of a version."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)
