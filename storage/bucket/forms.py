"""Forms of buckets."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ResourceForm
from storage.keys import validate_bucket_name


class BucketForm(ResourceForm):
    """Name and description of a new bucket."""

    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        validators=[validate_bucket_name],
        help_text=_("3 to 63 lower-case letters, digits, “-” or “.”. It cannot be changed later."),
    )
    description = forms.CharField(label=_("Description"), max_length=255, required=False)

    FIELDSETS = (
        (
            _("Bucket"),
            _("It lives in the region chosen at the top of the page; jobs there can use it."),
            ("name", "description"),
        ),
    )


class BucketEditForm(ResourceForm):
    """What may change: the description. Tags have their own tab."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)

    FIELDSETS = ((_("Bucket"), "", ("description",)),)
