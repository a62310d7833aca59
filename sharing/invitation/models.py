"""Invitation: one question to one account. The row belongs to the account that answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.actor import Actor
from core.managers import ScopedManager
from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful
from sharing.unit.models import ShareUnit, validate_unit_name

#: how long an account may take to answer
LIFETIME = dt.timedelta(days=7)


class InvitationManager(ScopedManager[Any]):
    """Looks at the clock before it answers: what has run out reads EXPIRED at once, whether or not
    the sweeper has come by."""

    def own(self, actor: Actor, verb: str) -> models.QuerySet[Any]:
        self._lapse(actor)
        return super().own(actor, verb)

    def for_action(self, actor: Actor, verb: str) -> models.QuerySet[Any]:
        self._lapse(actor)
        return super().for_action(actor, verb)

    def _lapse(self, actor: Actor) -> None:
        from sharing.invitation.expiry import lapse

        if actor.account_id is not None:
            lapse(account_id=actor.account_id)


class Invitation(Stateful, Resource):
    """``account`` is the consumer, who reads and answers it; ``owner_account`` is who shares.

    The owner sees it inside their unit. Leaving later ends the association, not the invitation.
    """

    class Phase(models.TextChoices):
        # The consumer has not answered; nothing is readable.
        PENDING = "PENDING", pgettext_lazy("invitation", "Waiting")
        ACCEPTED = "ACCEPTED", _("Associated")  # grants were written in the same transaction
        REJECTED = "REJECTED", _("Rejected")  # ``message`` holds the reason given
        EXPIRED = "EXPIRED", _("Expired")  # no answer in time
        CANCELLED = "CANCELLED", _("Cancelled")  # the owner removed the account or the unit

    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        Phase.PENDING: frozenset({Phase.ACCEPTED, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED}),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset(
        {Phase.ACCEPTED, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED}
    )
    #: the owner may ask again in the same row, however the question ended before
    REOPENS: ClassVar[Mapping[tuple[str, str], frozenset[str]]] = {
        (Phase.ACCEPTED, ""): frozenset({Phase.PENDING}),  # left or taken back since
        (Phase.REJECTED, "CONSUMER"): frozenset({Phase.PENDING}),
        (Phase.EXPIRED, "NO_ANSWER"): frozenset({Phase.PENDING}),
        (Phase.CANCELLED, "OWNER"): frozenset({Phase.PENDING}),
        (Phase.CANCELLED, "RECONCILE_ERROR"): frozenset({Phase.PENDING}),
    }
    SETTLED: ClassVar[frozenset[str]] = frozenset()
    DEADLINES: ClassVar[Mapping[str, int]] = {Phase.PENDING: int(LIFETIME.total_seconds())}
    HEARTBEATS: ClassVar[Mapping[str, int]] = {}
    SECONDARY: ClassVar[Mapping[str, Any]] = {"LEFT": _("Left"), "REMOVED": _("Removed")}
    IN_PLACE: ClassVar[frozenset[str]] = frozenset(SECONDARY)
    TONES: ClassVar[Mapping[str, str]] = {
        Phase.PENDING: "yellow",
        Phase.ACCEPTED: "green",
        Phase.REJECTED: "red",
        Phase.EXPIRED: "grey",
        Phase.CANCELLED: "grey",
    }
    PARKED: ClassVar[str] = Phase.CANCELLED

    name = models.CharField(_("share unit"), max_length=50, validators=[validate_unit_name])
    unit = models.ForeignKey(
        ShareUnit, on_delete=models.CASCADE, related_name="+", verbose_name=_("share unit")
    )
    owner_account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("owner"),
    )
    expires_at = models.DateTimeField(_("expires"))
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[InvitationManager] = InvitationManager()

    class Meta:
        verbose_name = _("share invitation")
        verbose_name_plural = _("share invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "account"], name="share_invitation_one_per_unit"
            )
        ]
        indexes = [
            listing_index("invitation"),
            models.Index(
                fields=["account", "expires_at"],
                condition=models.Q(phase="PENDING"),
                name="share_invitation_waiting",
            ),
        ]

    @property
    def is_late(self) -> bool:
        """Whether the time to answer is over, whatever the stored phase says."""
        return self.expires_at <= timezone.now()

    @property
    def is_in_force(self) -> bool:
        """Accepted, and neither left nor taken back since (``secondary`` says which)."""
        return self.phase == self.Phase.ACCEPTED and not self.secondary

    @property
    def waits(self) -> bool:
        """Whether it has no answer yet."""
        return self.phase == self.Phase.PENDING

    def status_words(self) -> dict[str, Any]:
        """Accepted is not the news once the association is over."""
        if self.secondary not in Ended.values:
            return {}
        ended = Ended(self.secondary)
        return {"label": ended.label, "secondary": "", "tone": "grey", "message": ended.sentence}

    @property
    def access_context(self) -> Mapping[str, Any]:
        """For policies that name the owners whose shares one may accept."""
        return {"ram:ShareOwnerAccountId": self.owner_account_id}


class Ended(models.TextChoices):
    """``secondary`` of an accepted invitation whose association is over."""

    LEFT = "LEFT", _("Left")
    REMOVED = "REMOVED", _("Removed")

    @property
    def sentence(self) -> str:
        """What that means for who had accepted."""
        return str(SENTENCES[self])


SENTENCES = {
    Ended.LEFT: _("This account left the share; what it made with it stays."),
    Ended.REMOVED: _("The owner took this share back; what you made with it stays."),
}


def end_association(invitation_id: Any, how: str) -> None:
    """Note on an accepted invitation that its association is over; its phase is final."""
    Invitation.objects.unscoped("the association of an answered invitation ends").filter(
        pk=invitation_id, phase=Invitation.Phase.ACCEPTED
    ).update(secondary=how, version=models.F("version") + 1, updated_at=timezone.now())
