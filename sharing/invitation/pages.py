"""Shared with me: what waits for an answer first, readable before it is answered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from console.pages.act import VerbPage
from console.pages.list import ListPage
from console.ui.format import exact_time
from core import access
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound
from sharing import words
from sharing.invitation import services
from sharing.invitation.models import Invitation
from sharing.unit.models import ShareUnit

SHOWN = 20  # open invitations above the table


def reading(invitation: Invitation) -> list[dict[str, Any]]:
    """What an open or accepted invitation gives, per type; nothing of one that has ended, because
    what the owner put in afterwards is not for this account."""
    if invitation.phase != Invitation.Phase.PENDING and not invitation.is_in_force:
        return []
    unit = ShareUnit.objects.unscoped("the invited account reads what it is offered").get(
        pk=invitation.unit_id
    )
    return [
        {
            **part,
            "title": f"{part['type_label']} ({len(part['resources'])})",
            "sentence": words.may_sentence(part["permission"]),
        }
        for part in words.contents(unit)
    ]


class SharedWithMe(ListPage):
    """The list of invitations, open ones in full above it."""

    def extra_context(self, request: HttpRequest) -> dict[str, Any]:
        rows = Invitation.objects.own(self.actor, "list").filter(phase=Invitation.Phase.PENDING)
        waiting = []
        for row in rows.select_related("owner_account").order_by("expires_at")[:SHOWN]:
            waiting.append(
                {
                    "invitation": row,
                    "until": exact_time(row.expires_at),
                    "contents": reading(row),
                    "url": self.url("detail", pk=row.pk),
                    "accept_url": self.url("verb", pk=row.pk, verb="accept"),
                    "reject_url": self.url("verb", pk=row.pk, verb="reject"),
                    "may_accept": access.decide(
                        self.actor, "resource_share:invitation:accept", row
                    ).allowed,
                    "may_reject": access.decide(
                        self.actor, "resource_share:invitation:reject", row
                    ).allowed,
                }
            )
        return {"waiting": waiting}


class AnswerPage(VerbPage):
    """Accept, reject, leave. Only POST answers; accepting twice is accepting once."""

    def post(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        if verb != "accept":
            return super().post(request, pk, verb)
        invitation: Invitation = self.obj
        try:
            services.accept(self.actor, invitation)
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        else:
            messages.success(
                request,
                _("“%(name)s” was accepted. Everybody in this account with the right policies "
                  "can use it now.") % {"name": invitation},
            )  # fmt: skip
        return HttpResponseRedirect(self.url("detail", pk=pk))
