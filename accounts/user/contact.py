"""E-mail addresses of users: sealed in their row, found by the keyed digest of the whole address.

Contact data are personal: a dump of the database, a backup without the keys or the trail tell none.
"""

from __future__ import annotations

import logging
from typing import Any

from core import digests, sealed

log = logging.getLogger("modelyard.accounts")
ABOUT = "accounts.user.email"


def columns(user_id: Any, address: str) -> dict[str, str]:
    """The columns that hold ``address``."""
    if not address:
        return {"sealed_email": "", "email_digest": ""}
    closed = sealed.seal(address, f"{ABOUT}:{user_id}")
    return {"sealed_email": closed, "email_digest": digests.digest(address, ABOUT)}


def opened(user_id: Any, closed: str) -> str:
    """The address; "" for none, and for one that no key of this installation opens."""
    if not closed:
        return ""
    try:
        return sealed.unseal(closed, f"{ABOUT}:{user_id}")
    except sealed.Unsealable as error:
        log.warning("The e-mail address of user %s cannot be read: %s", user_id, error)
        return ""
