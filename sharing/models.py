"""Every table of the room, gathered from its resource packages for Django."""

from sharing.block.models import BlockedAccount
from sharing.invitation.models import Invitation
from sharing.rate.models import Rate
from sharing.unit.models import ShareUnit, UnitPermission, UnitPrincipal, UnitResource

__all__ = [
    "BlockedAccount",
    "Invitation",
    "Rate",
    "ShareUnit",
    "UnitPermission",
    "UnitPrincipal",
    "UnitResource",
]
