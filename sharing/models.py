"""Every table of the room, gathered from its resource packages for Django."""

from sharing.invitation.models import Invitation
from sharing.unit.models import ShareUnit, UnitPermission, UnitPrincipal, UnitResource

__all__ = ["Invitation", "ShareUnit", "UnitPermission", "UnitPrincipal", "UnitResource"]
