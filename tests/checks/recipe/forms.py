"""Form of algorithms."""

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import NamedForm


class AlgorithmForm(NamedForm):
    """Name, directory and script."""

    code = forms.CharField(label=_("Code directory"), max_length=255)
    boot_file = forms.CharField(label=_("Boot file"), max_length=255)
