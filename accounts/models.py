"""Every table of the room, gathered from its resource packages for Django."""

from accounts.account.models import Account, Project
from accounts.agency.models import Agency
from accounts.enterprise_project.models import EnterpriseProject
from accounts.group.models import Group, Membership
from accounts.policy.models import Policy, PolicyAttachment, PolicyVersion
from accounts.session.models import SignInSession
from accounts.signin.models import SignInThrottle
from accounts.token.models import ApiToken
from accounts.user.models import User
from accounts.workspace.models import Workspace

__all__ = [
    "Account",
    "Agency",
    "ApiToken",
    "EnterpriseProject",
    "Group",
    "Membership",
    "Policy",
    "PolicyAttachment",
    "PolicyVersion",
    "Project",
    "SignInSession",
    "SignInThrottle",
    "User",
    "Workspace",
]
