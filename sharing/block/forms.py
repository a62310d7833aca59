"""Forms of blocked accounts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ResourceForm


class BlockForm(ResourceForm):
    """Which account, and a note for oneself."""

    name = forms.CharField(
        label=_("Account id"),
        max_length=10,
        help_text=_("10 digits, as the invitation shows them. That account is not told."),
    )
    description = forms.CharField(label=_("Note"), max_length=255, required=False)

    def setup(self) -> None:
        if self.instance is not None:
            del self.fields["name"]

    def data_for_service(self) -> dict[str, Any]:
        """Cleaned data; the id does not change."""
        return super().data_for_service()
