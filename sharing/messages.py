"""What the room sharing says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("sharing")

NO_ANSWER = code("NO_ANSWER", _("There was no answer within 7 days. The owner may invite again."))
LEFT = code("LEFT", _("This account left the share."))
UNIT_ENDED = code(
    "UNIT_ENDED",
    _("Share unit “{unit}” has ended; there is nothing left to accept."),
    _("Ask the owner for a new share."),
)
INVITATION_EXPIRED = code(
    "INVITATION_EXPIRED",
    _("The invitation to “{invitation}” has expired."),
    _("Ask the owner to invite your account again."),
)
NO_LONGER_PART = code(
    "NO_LONGER_PART",
    _("Your account is no longer part of share unit “{invitation}”."),
    _("Ask the owner to invite your account again."),
)
SHARED = code(
    "SHARED",
    _("{label} “{obj}” is shared with {accounts} through share unit {units}."),
    _("Remove it from the share unit, or delete the unit, and try again."),
    code="SHARED",
)
NOT_OWNER = code(
    "NOT_OWNER",
    _(
        "{label} “{thing}” was shared with you by another account. Only its owner can "
        "share it; ask them to invite the other account themselves."
    ),
)
RIGHT_NOT_HELD = code(
    "RIGHT_NOT_HELD",
    _(
        "You cannot give a right that you do not hold: sharing “{thing}” with this "
        "permission gives `{action}`. {reason}"
    ),
)
MOST_ACCOUNTS = code("MOST_ACCOUNTS", _("At most {most} accounts at a time."), code="LIMIT")
MOST_RESOURCES = code(
    "MOST_RESOURCES", _("A share unit holds at most {most} resources."), code="LIMIT"
)
INVITED_ALREADY = code(
    "INVITED_ALREADY",
    _("Account {account_id} is invited to this share unit already."),
    code="DUPLICATE",
)
MOST_PRINCIPALS = code(
    "MOST_PRINCIPALS", _("A share unit has at most {most} principals."), code="LIMIT"
)
INVITED_AGAIN = code("INVITED_AGAIN", _("Invited again."))
UNANSWERED_OF_PAIR = code(
    "UNANSWERED_OF_PAIR",
    _("Account {account_id} has {most} unanswered invitations of your account."),
    _("Wait for answers, or take some back."),
)
UNANSWERED_SENT = code(
    "UNANSWERED_SENT",
    _("Your account may have {most} unanswered share invitations."),
    _("Wait for answers, or remove accounts that do not answer."),
)
IN_UNIT_ALREADY = code(
    "IN_UNIT_ALREADY", _("“{obj}” is in this share unit already."), code="DUPLICATE"
)
PERMISSION_MEANWHILE = code(
    "PERMISSION_MEANWHILE",
    _("“{unit}” got another permission for {kind} meanwhile."),
    _("Reload and try again."),
)
INVITATION_OPEN = code(
    "INVITATION_OPEN",
    _("Account {account_id} has an open invitation to this share unit."),
    _("Reload the page to see it."),
)
TYPE_UNKNOWN = code(
    "TYPE_UNKNOWN",
    _("“{type}” is no type that can be shared."),
    _("Types that can be shared: {types}."),
    code="TYPE_UNKNOWN",
)
NO_SUCH_OBJECT = code(
    "NO_SUCH_OBJECT",
    _("There is no {label} with the id “{id}” in your account."),
    _("Copy the id from its page."),
    code="NOT_FOUND",
)
GONE = code("GONE", _("{label} “{obj}” is being deleted."), code="GONE")
TYPE_NOT_SHARED = code(
    "TYPE_NOT_SHARED", _("“{text}” is no type that can be shared."), code="TYPE_UNKNOWN"
)
PERMISSION_BOUND = code(
    "PERMISSION_BOUND",
    _("This unit gives {permission} on its {kind}; a unit has one permission per type."),
    _("Make another share unit for the other permission."),
    code="PERMISSION_BOUND",
)
OWN_ACCOUNT = code(
    "OWN_ACCOUNT",
    _("This is your own account; it owns these resources already."),
    _("Give users of your own account rights with a policy."),
    code="SELF",
)
PERMISSION_UNKNOWN = code(
    "PERMISSION_UNKNOWN",
    _("There is no share permission “{asked}” for {kind}."),
    _("Choose one of: {offered}."),
    code="PERMISSION_UNKNOWN",
)
PERMISSION_UNUSED = code(
    "PERMISSION_UNUSED",
    _("Nothing of the type {kind} is in this unit or is being added to it."),
    _("Choose the permission together with the first resource of its type."),
    code="PERMISSION_UNUSED",
)
ACCOUNT_UNKNOWN = code(
    "ACCOUNT_UNKNOWN",
    _("“{text}” is not the id of an account you can share with."),
    _("Ask the other side for its account id: 10 digits, in the menu at the top."),
    code="ACCOUNT",
)
NOTHING_TO_SHARE = code(
    "NOTHING_TO_SHARE", _("Choose at least one resource to share."), code="REQUIRED"
)
REGION = code("REGION", _("One of {regions}."))
UNIT_NOT_ACTIVE = code(
    "UNIT_NOT_ACTIVE",
    _("Share unit “{unit}” is {phase}; only an active one can be changed."),
    _("Make a new share unit."),
)
INVITED_MEANWHILE = code(
    "INVITED_MEANWHILE",
    _("An account was invited to “{unit}” meanwhile."),
    _("Reload and try again."),
)
NOT_IN_UNIT = code("NOT_IN_UNIT", _("“{id}” is not in this share unit."), code="NOT_FOUND")
ACCOUNT_NOT_IN_UNIT = code(
    "ACCOUNT_NOT_IN_UNIT", _("Account {text} is not in this share unit."), code="NOT_FOUND"
)
ACCEPTED_ALREADY = code(
    "ACCEPTED_ALREADY",
    _("Account {account_id} has accepted this share unit already."),
    code="DUPLICATE",
)
INVITED_TOO_OFTEN = code(
    "INVITED_TOO_OFTEN",
    _("Your account has invited account {account} {most} times in 24 hours."),
    _("Wait for an answer. One share unit can hold everything that an account is to get."),
)
WRONG_ACCOUNTS = code(
    "WRONG_ACCOUNTS",
    _("Too many of the account ids given lately were no ids of accounts you can share with."),
    _("Ask the other side for its account id, and try again later."),
)
INVITES = code("INVITES", _("Account {account} invites this account to share unit “{unit}”."))
ADDED_TO_UNIT = code(
    "ADDED_TO_UNIT", _("Added to share unit “{unit}”, which this account has accepted.")
)
REMOVED_FROM_UNIT = code(
    "REMOVED_FROM_UNIT", _("Removed from share unit “{unit}”; it can no longer be used through it.")
)
REMOVED_ACCOUNT = code(
    "REMOVED_ACCOUNT", _("Account {account} removed this account from the share.")
)
UNIT_DELETED = code("UNIT_DELETED", _("Account {account} deleted share unit “{unit}”."))
ACCOUNT_LEFT = code("ACCOUNT_LEFT", _("Account {account} left the share."))
ACCOUNT_ACCEPTED = code("ACCOUNT_ACCEPTED", _("Account {account} accepted"))
ACCOUNT_REJECTED = code("ACCOUNT_REJECTED", _("Account {account} rejected"))
ACCOUNT_REJECTED_WHY = code("ACCOUNT_REJECTED_WHY", _("Account {account} rejected: {reason}"))
ACCOUNT_LEFT_IT = code("ACCOUNT_LEFT_IT", _("Account {account} left"))
NO_ANSWER_SHORT = code("NO_ANSWER_SHORT", _("There was no answer within 7 days."))
DELETED_BY_OWNER = code("DELETED_BY_OWNER", _("Deleted by its owner."))
WAS_DELETED = code("WAS_DELETED", _("“{name}” was deleted by its owner."))
WAS_DELETED_UNUSABLE = code(
    "WAS_DELETED_UNUSABLE", _("“{name}” was deleted by its owner; it can no longer be used.")
)
