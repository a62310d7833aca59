"""The forms of a model."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.choices import SearchChoiceField
from console.forms import NamedForm, ResourceForm
from registry.model import sources
from registry.model.models import validate_version
from storage.bucket.queries import bucket_rows


class ModelForm(NamedForm):
    """Register a package from a training job's output or from a bucket."""

    FIELDSETS = (
        (_("Model"), "", ("name", "model_version", "description")),
        (
            _("Source"),
            _(
                "Below the source lies a directory named exactly “model” with config.json and "
                "either customize_service.py and the weights, or a server of your own. The files "
                "are kept as they are now; the source may change later."
            ),
            ("training_job", "bucket", "prefix"),
        ),
    )

    model_version = forms.CharField(
        label=_("Version"),
        required=False,
        max_length=20,
        help_text=_("Three numbers, e.g. 0.0.1; left empty, the next one is taken."),
    )
    training_job = SearchChoiceField(
        label=_("Training job"), required=False, empty=_("none: from a bucket")
    )
    bucket = SearchChoiceField(
        label=_("Bucket"), required=False, empty=_("none: from a training job")
    )
    prefix = forms.CharField(  # type: ignore[assignment]
        label=_("Directory"),
        required=False,
        max_length=1024,
        help_text=_("The parent of the directory “model”."),
    )

    def setup(self) -> None:
        job, bucket = self.fields["training_job"], self.fields["bucket"]
        assert isinstance(job, SearchChoiceField) and isinstance(bucket, SearchChoiceField)
        job.fill(*sources.rows("training_job", self.actor))
        bucket.fill(bucket_rows(self.actor))

    def clean_model_version(self) -> str:
        value = str(self.cleaned_data["model_version"]).strip()
        if value:
            validate_version(value)
        return value

    def data_for_service(self) -> dict[str, Any]:
        return {k: v for k, v in super().data_for_service().items() if v}


class ModelEditForm(ResourceForm):
    """Words about a model."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)
