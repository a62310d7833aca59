"""What pages show of policies."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.policy import impact, services
from accounts.policy.api import PolicyViewSet
from accounts.policy.forms import PolicyForm
from accounts.policy.models import Policy, PolicyAttachment, PolicyVersion
from accounts.policy.pages import RestorePage
from console import screens
from console.bodies import DOCUMENT
from console.pages.base import off, why_held_back
from console.screens import Column, Panel, Screen, Tab
from core import access, registry
from core.actor import Actor
from core.registry import InventoryGroup
from core.shell import NavLink, add_link


def panels(policy: Policy, _actor: Actor) -> list[Panel]:
    """The document, and what is odd about it."""
    return [
        Panel(
            _("Policy document"),
            icon="file-code",
            template="accounts/policy/document.html",
            context={
                "document": services.pretty(policy.document),
                "warnings": [p.told() for p in services.warnings(policy.document)],
            },
            span=12,
        )
    ]


def _restore_off(
    actor: Actor, policy: Policy, version: PolicyVersion, asked: access.Decision
) -> dict[str, Any] | None:
    """The greyed button of a version that may not come back."""
    found = services.rewriting(actor, policy, version.document) if asked.allowed else asked
    return off(gettext("Bring this version back"), "arrow-back-up", why_held_back(found))


def _versions(request: HttpRequest, policy: Policy) -> dict[str, Any]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    rows = policy.versions.select_related("created_by")[:50]
    asked = access.decide(actor, services.UPDATE, policy)
    return {
        "versions": [
            {
                "row": v,
                "document": services.pretty(v.document),
                "off": _restore_off(actor, policy, v, asked),
            }
            for v in rows
        ],
        "can_restore": asked.allowed,
        "restore_url": reverse("policies:restore", kwargs={"pk": policy.pk}),
    }


def _principals(policy: Policy) -> list[PolicyAttachment]:
    rows = policy.attachments.select_related("user", "group", "agency").order_by("id")
    return list(rows)


def _url(obj: Any) -> str:
    return reverse(f"{registry.spec_of(obj).slug}:detail", kwargs={"pk": obj.pk})


def _used_by(_request: HttpRequest, policy: Policy) -> dict[str, Any]:
    return {
        "principals": [
            {
                "name": a.principal.name,
                "kind": registry.spec_of(a.principal).label,
                "url": _url(a.principal),
                "since": a.created_at,
            }
            for a in _principals(policy)
        ]
    }


def inventory(_actor: Actor, policy: Policy) -> list[InventoryGroup]:
    """From what the policy is taken when it is deleted, and who loses and gains rights by it."""
    items = tuple((str(a.principal), _url(a.principal)) for a in _principals(policy))
    if not items:
        return []
    taken = InventoryGroup(_("It is detached from"), items, severity="info")
    return [taken, *impact.inventory(PolicyAttachment.objects.filter(policy=policy))]


screens.register(
    Screen(
        model=Policy,
        largest_body=DOCUMENT,
        description=_("Custom policies of this account. System policies are listed apart."),
        icon="file-certificate",
        empty_title=_("No custom policies"),
        empty_text=_("System policies cover the common cases. Write your own to be exact."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("description", _("Description")),
            Column("revision", _("Version"), align="end"),
            Column("updated_at", _("Changed"), sort="updated_at"),
        ),
        tabs=(
            Tab("versions", _("Versions"), "accounts/tabs/versions.html", _versions),
            Tab("principals", _("Attached to"), "accounts/tabs/principals.html", _used_by),
        ),
        panels=panels,
        form=PolicyForm,
        viewset=PolicyViewSet,
        inventory=inventory,
        views={
            "extra:restore": RestorePage,
        },
    )
)
add_link(
    NavLink(
        "iam",
        _("System policies"),
        "accounts:system-policies",
        "certificate",
        action="iam:policies:listPolicies",
        order=31,
    )
)
