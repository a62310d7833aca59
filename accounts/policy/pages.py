"""Attaching policies to users, groups and agencies; the list of system policies."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.policy import services
from accounts.policy.models import PolicyAttachment
from accounts.policy.system import system_policies
from console.pages.base import Page, ResourcePage, off, why_held_back
from console.screens import Tab
from core import access, registry
from core.actor import Actor
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound


def policies_tab() -> Tab:
    """The tab "Policies" of whatever policies can be attached to."""
    return Tab(
        "policies",
        gettext_lazy("Policies"),
        "accounts/tabs/policies.html",
        _context,
        action="iam:policies:listPolicies",
    )


def _context(request: HttpRequest, obj: Any) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    slug = registry.spec_of(obj).slug
    root = bool(getattr(obj, "is_root", False))
    attach = access.decide(actor, services.ATTACH, obj)
    detach = access.decide(actor, services.DETACH, obj)
    return {
        "attachments": [
            {"row": row, "off": _detach_off(actor, obj, row, detach)}
            for row in services.attachments(obj)
        ],
        "is_root_user": root,
        "policy_choices": services.choices(actor),
        "can_attach": not root and attach.allowed,
        "can_detach": detach.allowed,
        "attach_why_not": why_held_back(attach),
        "attach_url": reverse(f"{slug}:attach", kwargs={"pk": obj.pk}),
        "detach_url": reverse(f"{slug}:detach", kwargs={"pk": obj.pk}),
    }


def _detach_off(
    actor: Actor, obj: Any, row: PolicyAttachment, asked: access.Decision
) -> dict[str, Any] | None:
    """The greyed button of an attachment that policies let the actor end and a rule does not."""
    found = services.releasing(actor, obj, row) if asked.allowed else asked
    return off(_("Detach"), "unlink", why_held_back(found))


class PrincipalPage(ResourcePage):
    """Does one thing to the policies of an object and goes back to its tab."""

    abstract = True

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        obj = self.obj
        try:
            text = self.act(request, obj)
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        else:
            messages.success(request, text)
        return HttpResponseRedirect(self.url("tab", pk=obj.pk, tab="policies"))

    def act(self, request: HttpRequest, obj: Any) -> str:
        raise NotImplementedError


class AttachPage(PrincipalPage):
    """POST ``policy``: attach it."""

    verbs: ClassVar = {"post": services.ATTACH}

    def act(self, request: HttpRequest, obj: Any) -> str:
        row = services.attach(self.actor, request.POST.get("policy", ""), obj)
        return _("Policy “%(name)s” was attached.") % {"name": row.policy_name}


class DetachPage(PrincipalPage):
    """POST ``attachment``: take it away."""

    verbs: ClassVar = {"post": services.DETACH}

    def act(self, request: HttpRequest, obj: Any) -> str:
        row = services.attachment_of(self.actor, request.POST.get("attachment", ""))
        if row.principal.pk != obj.pk:
            raise NotFound()
        services.detach(self.actor, row)
        return _("Policy “%(name)s” was detached.") % {"name": row.policy_name}


class SystemPoliciesPage(Page):
    """What the platform ships."""

    action = "iam:policies:listPolicies"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = [
            {"policy": p, "document": services.pretty(p.document)}
            for p in system_policies().values()
        ]
        return self.render(
            "accounts/policy/system.html", {"title": _("System policies"), "rows": rows}
        )


class RestorePage(ResourcePage):
    """POST ``number``: bring an older version of a policy back."""

    verbs: ClassVar = {"post": "update"}

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        policy = self.obj
        number = request.POST.get("number", "")
        try:
            services.restore(
                self.actor,
                policy,
                int(number) if re.fullmatch(r"[0-9]{1,9}", number, re.ASCII) else 0,
            )
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        else:
            messages.success(request, _("Version %(n)s is in force again.") % {"n": number})
        return HttpResponseRedirect(self.url("tab", pk=policy.pk, tab="versions"))
