"""Every table of the room, gathered from its resource packages for Django."""

from accounts.account.models import Account, Project
from accounts.agency.models import Agency
from accounts.group.models import Group, Membership
from accounts.policy.models import Policy, PolicyAttachment, PolicyVersion
from accounts.session.models import SignInSession
from accounts.signin.models import SignInThrottle
from accounts.token.models import ApiToken
from accounts.user.models import User

__all__ = [
    "Account",
    "Agency",
    "ApiToken",
    "Group",
    "Membership",
    "Policy",
    "PolicyAttachment",
    "PolicyVersion",
    "Project",
    "SignInSession",
    "SignInThrottle",
    "User",
]
