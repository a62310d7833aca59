"""What people gain and lose when attachments end: for the page that asks before a deletion.

Computed from the same sets of actions as delegation (``accounts.policy.holdings``). An Allow that
ends takes away what the rest does not allow for good; a Deny that ends gives back what the rest
allows somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import engine, facts
from accounts.agency.models import Agency
from accounts.policy import holdings
from accounts.policy.holdings import Names
from accounts.policy.models import PolicyAttachment
from accounts.principal import documents_of
from accounts.user.models import User
from core.actor import Actor
from core.registry import InventoryGroup

#: people who are told by name
MOST = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What one user gains and loses: names of actions that something here asks for."""

    user: User
    gained: Names
    lost: Names


def of_ending(attached: QuerySet[PolicyAttachment]) -> list[Change]:
    """The changes for the first 100 users that the attachments reach, by name."""
    ending = list(attached.values_list("pk", "user", "group"))
    ids = [pk for pk, _user, _group in ending]
    users = {user for _pk, user, _group in ending if user is not None}
    groups = {group for _pk, _user, group in ending if group is not None}
    rows = User.objects.unscoped("whom ending attachments reach")
    reached = rows.filter(pk__in=users) | rows.filter(memberships__group__in=groups)
    return [_change(user, ids) for user in reached.distinct().order_by("name")[:MOST]]


def _change(user: User, ids: list[int]) -> Change:
    account = facts.facts_of(user.account_id)
    everything = holdings.attached_to(user).distinct()
    ends = documents_of(everything.filter(pk__in=ids))
    stays = documents_of(everything.exclude(pk__in=ids))
    default = holdings.by_default(strict=account is None or account.strict_mode)
    before = holdings.may([*ends, *stays], default)
    after = holdings.may(stays, default)
    return Change(
        user,
        gained=_asked(holdings.denied(ends) & after),
        lost=_asked(holdings.given(ends) & before - holdings.surely(stays, default)),
    )


def _asked(names: Names) -> Names:
    catalog = engine.default_catalog()
    known = {name: catalog.action(name) for name in names}
    return frozenset(name for name, action in known.items() if action is not None and action.asked)


def inventory(attached: QuerySet[PolicyAttachment]) -> list[InventoryGroup]:
    """Who loses and who gains which rights, for the page that asks."""
    changes = of_ending(attached)
    found = []
    for label, told in (
        (_("They lose rights at once"), [(c.user, c.lost) for c in changes]),
        (_("They gain rights at once, because a Deny ends"), [(c.user, c.gained) for c in changes]),
    ):
        items = tuple(_line(user, names) for user, names in told if names)
        if items:
            found.append(InventoryGroup(label, items))
    return found


def of_agency(_actor: Actor, agency: Agency) -> list[InventoryGroup]:
    """What background work may do no longer when an agency ends, and for whom."""
    attached = PolicyAttachment.objects.filter(agency=agency)
    names = _asked(holdings.may(documents_of(attached), holdings.NOTHING))
    if not names or agency.state != "active":
        return []
    whom = agency.grantee.name if agency.grantee else gettext("all users")
    url = reverse("users:detail", kwargs={"pk": agency.grantee_id}) if agency.grantee else ""
    label = _("Background work loses rights at once")
    return [InventoryGroup(label, ((_text(whom, names), url),))]


def _line(user: User, names: Names) -> tuple[str, str]:
    return _text(user.name, names), reverse("users:detail", kwargs={"pk": user.pk})


def _text(whom: str, names: Names) -> str:
    """One right by name and how many more: the page is about people, their own lists the rest."""
    first, more = min(names), len(names) - 1
    text = gettext("%(user)s: `%(action)s`") % {"user": whom, "action": first}
    if more:
        text += " " + ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more}
    return text
