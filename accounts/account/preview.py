"""What suspending an account or switching its strict mode will do, for the pages that ask."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.account.models import Account
from accounts.session.models import SignInSession
from accounts.token.models import ApiToken
from accounts.user.models import User
from core import registry, states
from core.registry import InventoryGroup


def suspension(account: Account) -> list[InventoryGroup]:
    """Numbers only: what an account holds is not the operator's to read."""
    users = User.objects.unscoped("users of an account to be suspended")
    active = users.filter(account=account, is_active=True)
    tokens = ApiToken.objects.filter(user__account=account, kind="user", revoked_at=None)
    sessions = SignInSession.objects.filter(user__account=account)
    groups = [
        _numbers(
            _("Refused from the next request on"),
            (_("users"), active.count()),
            (_("sessions"), sessions.count()),
            (_("API tokens"), tokens.count()),
        ),
        _numbers(_("Loses its rights while it runs"), *_unfinished(account)),
    ]
    return [group for group in groups if group.items]


def opening(account: Account) -> list[InventoryGroup]:
    """Who gains rights when strict mode goes off."""
    return [_numbers(_("May do everything in ModelArts that no policy denies"), *_users(account))]


def closing(account: Account) -> list[InventoryGroup]:
    """Who loses rights when strict mode comes on."""
    return [_numbers(_("May do only what a policy allows"), *_users(account))]


def _users(account: Account) -> list[tuple[object, int]]:
    users = User.objects.unscoped("users of one's own account")
    active = users.filter(account=account, is_active=True, is_root=False)
    bare = active.filter(policy_attachments=None, memberships=None)
    return [(_("users"), active.count()), (_("of them without policy and group"), bare.count())]


def _unfinished(account: Account) -> list[tuple[object, int]]:
    found = []
    for spec in registry.all_specs():
        if issubclass(spec.model, states.Stateful) and spec.model.HEARTBEATS:
            rows = spec.model.objects.unscoped("unfinished work of an account to be suspended")
            moving = rows.filter(account=account).exclude(phase__in=spec.model.SETTLED)
            found.append((spec.label_plural, moving.count()))
    return found


def _numbers(label: object, *pairs: tuple[object, int]) -> InventoryGroup:
    items = tuple((f"{text}: {number}", "") for text, number in pairs if number)
    return InventoryGroup(label, items, "warning", sum(number for _text, number in pairs[:1]))
