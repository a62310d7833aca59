"""Forms of answers."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ResourceForm


class RejectForm(ResourceForm):
    """Why an invitation is rejected; told to the owner."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Optional, at most 200 characters. The owner reads it."),
    )
