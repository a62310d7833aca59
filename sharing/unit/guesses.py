"""Whether an account id exists cannot be found out in bulk.

An id that cannot be shared with reads the same whatever the reason. Each such id counts as a guess
of its user and account, before anything is answered and outside the transaction that the refusal
rolls back; when the hour's guesses are used up, no id is looked at any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.apps import apps
from django.conf import settings
from django.db.models import Exists, OuterRef

from core.actor import Actor
from core.errors import ValidationFailed
from sharing import messages
from sharing.block.models import BlockedAccount
from sharing.rate import services as rates

MAX_PRINCIPALS = 50  # per unit, and per request
WINDOW = dt.timedelta(hours=1)
#: an account has this many times the guesses of one of its users
USERS = 3


def wanted(given: Iterable[object]) -> list[str]:
    """The ids as they were meant, each once. Raises ValidationFailed for more than 50."""
    found = list(dict.fromkeys(str(text).strip() for text in given if str(text).strip()))
    if len(found) > MAX_PRINCIPALS:
        raise ValidationFailed.of("principals", messages.MOST_ACCOUNTS(most=MAX_PRINCIPALS))
    return found


def reachable(actor: Actor, ids: Iterable[str]) -> set[str]:
    """Those of ``ids`` that can be invited: accounts that are there and active and do not block the
    actor's. One query whatever is asked, so that the time tells nothing either."""
    blocks = BlockedAccount.objects.unscoped("does the other side block this account").filter(
        account_id=OuterRef("pk"), name=actor.account_id
    )
    accounts = apps.get_model(settings.MODELYARD_ACCOUNT_MODEL)._default_manager
    rows = accounts.filter(~Exists(blocks), pk__in=list(ids), is_active=True)
    return set(rows.values_list("pk", flat=True))


def check(actor: Actor, given: Iterable[object]) -> None:
    """Count the ids that cannot be invited. Call it before the transaction that uses them.

    Raises:
        ValidationFailed: more than 50. TooManyRequests: too many guesses in this hour.
    """
    ids = wanted(given)
    if not ids:
        return
    wrong = set(ids) - reachable(actor, ids) - {actor.account_id}
    most = settings.MODELYARD_WRONG_ACCOUNT_IDS_PER_HOUR
    for key, limit in (
        (f"guess:user:{actor.user_id}", most),
        (f"guess:account:{actor.account_id}", most * USERS),
    ):
        rates.take(key, len(wrong), limit, WINDOW, messages.WRONG_ACCOUNTS())
