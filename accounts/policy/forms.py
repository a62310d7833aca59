"""The JSON editor of a policy."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.policy.names import validate_policy_name
from accounts.policy.services import pretty
from console.forms import Fieldset, NamedForm

TEMPLATE = pretty(
    {
        "Version": "1.1",
        "Statement": [{"Effect": "Allow", "Action": ["modelarts:trainJob:list"]}],
    }
)


class PolicyForm(NamedForm):
    """Name and document. What the checker finds comes back beside the document, all at once."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        validators=[validate_policy_name],
        help_text=_(
            "1 to 64 letters, digits, Chinese characters, “.”, “_”, “-” or single blanks; not a "
            "system policy's name."
        ),
    )
    document = forms.CharField(
        label=_("Policy document"),
        initial=TEMPLATE,
        strip=False,
        max_length=128 * 1024,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "mono"}),
        help_text=_(
            "JSON, version 1.1. A policy holds either global services (such as obs, iam) or "
            "project-level services (such as modelarts), never both."
        ),
    )

    FIELDSETS: ClassVar[tuple[Fieldset, ...]] = (
        (_("Policy"), "", ("name", "description")),
        (_("Document"), "", ("document",)),
    )

    def initial_from(self, instance: Any) -> dict[str, Any]:
        return {**super().initial_from(instance), "document": pretty(instance.document)}
