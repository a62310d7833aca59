"""Why the one decision is a yes or a no: its sentences, steps and refusals (see core/codes.py)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("accounts")

MAY = code("MAY", _("{who} may do `{action}`: {why}."))
MAY_NOT = code("MAY_NOT", _("{who} may not do `{action}`: {why}"))
NOT_ALLOWED = code(
    "NOT_ALLOWED",
    _("{who} may not do `{action}`: {why} Ask an administrator of your account for “{missing}”."),
)
ALLOWED_BY_SHARE = code(
    "ALLOWED_BY_SHARE", _("{who} may do `{action}`: {why}, and share unit {unit} contains it.")
)
USER_OF_ACCOUNT = code("USER_OF_ACCOUNT", _("User “{user}” of account “{account}”"))
SIGNED_IN = code("SIGNED_IN", _("{who} is signed in and active."))
SUSPENDED = code("SUSPENDED", _("Account “{account}” is suspended."))
DISABLED = code("DISABLED", _("{who} is disabled."))
HAS_TEMPORARY_PASSWORD = code(
    "HAS_TEMPORARY_PASSWORD", _("{who} has a temporary password. Change it first.")
)
OWN_PASSWORD = code("OWN_PASSWORD", _("a password of one's own"))
REQUIRED_KEYS = code(
    "REQUIRED_KEYS",
    _(
        "`{action}` cannot be judged without {keys}, which a policy asks about. Send it with "
        "the request."
    ),
)
DENY_OF_USER = code("DENY_OF_USER", _("A deny in the user's policies wins over every allow."))
DENY_OF_AGENCY = code("DENY_OF_AGENCY", _("A deny in the agency's policies wins over every allow."))
ON_BEHALF_TOO = code(
    "ON_BEHALF_TOO", _("This also holds when the platform works on the user's behalf.")
)
OPERATOR_LOOKS_AFTER = code(
    "OPERATOR_LOOKS_AFTER", _("the operator's main account looks after accounts")
)
OPERATOR_ONLY = code("OPERATOR_ONLY", _("`{action}` is for the operator's main account only."))
AGENCY_LACKS = code(
    "AGENCY_LACKS",
    _(
        "Agency “{agency}” lacks `{action}`: no policy attached to it allows it, so the "
        "platform may not do it on the user's behalf. Attach one that does."
    ),
)
GRANT_AGENCY = code("GRANT_AGENCY", _("{right} on agency {agency}"))
MAIN_ACCOUNT = code(
    "MAIN_ACCOUNT", _("it is the main account, which holds every right in its own account")
)
MAIN_ACCOUNT_ELSEWHERE = code(
    "MAIN_ACCOUNT_ELSEWHERE",
    _("it is the main account, which holds every right and needs no policy in its own account"),
)
BY_STATEMENT = code(
    "BY_STATEMENT", _("`{action}` is allowed by statement {number} of policy `{policy}`")
)
BY_ROWS = code("BY_ROWS", _("rows are filtered by the resources its policies name"))
NOT_STRICT = code("NOT_STRICT", _("strict mode is off and no policy denies it"))
OWN_SIGN_IN = code("OWN_SIGN_IN", _("all users look after their own sign-in"))
OWNERS_ONLY = code("OWNERS_ONLY", _("Only the owner's account may do this; no share opens it."))
NO_SHARE = code(
    "NO_SHARE",
    _(
        "{who} may not do `{action}` on an object of another account: no share in force "
        "contains it. Ask the owner to share it with this right."
    ),
)
A_SHARE = code("A_SHARE", _("a share that contains {action}"))
AUTHORISATION_LOST = code(
    "AUTHORISATION_LOST", _("authorisation lost: {why} The main account can make a new one.")
)
AGENCY_GONE = code("AGENCY_GONE", _("The agency is not there any more."))
AGENCY_REVOKED = code("AGENCY_REVOKED", _("Agency “{agency}” was revoked."))
AGENCY_ENDED = code("AGENCY_ENDED", _("Agency “{agency}” ended at {ended} UTC."))
AGENCY_OF_ANOTHER = code("AGENCY_OF_ANOTHER", _("Agency “{agency}” is for another user."))
NEVER_ON_BEHALF = code(
    "NEVER_ON_BEHALF",
    _(
        "`{action}` is never done on a user's behalf: rights, shares and the trail are for "
        "people who are signed in."
    ),
)
NOT_CARRIED = code(
    "NOT_CARRIED",
    _(
        "A background credential does not carry `{action}`: it fetches inputs and stores "
        "outputs, nothing else."
    ),
)
PLATFORM_ITSELF = code(
    "PLATFORM_ITSELF", _("The platform itself holds no user's rights; it reads with unscoped().")
)
NOT_SIGNED_IN = code("NOT_SIGNED_IN", _("No user is signed in."))

# -- what a policy says ---------------------------------------------------------------------------

NO_POLICY = code("NO_POLICY", _("No policy allows `{action}`."))
ALLOWED_BY = code(
    "ALLOWED_BY", _("`{action}` is allowed by statement {number} of policy `{policy}`.")
)
DENIED_BY = code("DENIED_BY", _("`{action}` is denied by statement {number} of policy `{policy}`."))
DENIED_UNREAD = code(
    "DENIED_UNREAD",
    _(
        "`{action}` is denied: statement {number} of policy `{policy}` could not be read, so "
        "all it may cover is denied."
    ),
)
NO_ACTION_NAME = code(
    "NO_ACTION_NAME", _("`{action}` is not an action name (service:type:operation).")
)
NO_RESOURCE_NAME = code(
    "NO_RESOURCE_NAME", _("`{resource}` is not a resource name (service:region:account:type:path).")
)
OTHER_SERVICE = code(
    "OTHER_SERVICE", _("`{resource}` does not belong to the service of `{action}`.")
)
OTHER_ACCOUNT = code(
    "OTHER_ACCOUNT", _("The resource belongs to another account and no share opens it.")
)

# -- what a step of the evaluation found ----------------------------------------------------------

STEP_WHO = code("STEP_WHO", _("{who}, by {via}"))
STEP_ACTIVE = code("STEP_ACTIVE", _("account and user are active"))
STEP_KEYS = code("STEP_KEYS", _("nothing the policies ask about is missing"))
STEP_NO_DENY = code("STEP_NO_DENY", _("no policy denies it"))
STEP_NOT_MAIN = code("STEP_NOT_MAIN", _("not the main account"))
STEP_NO_CEILING = code("STEP_NO_CEILING", _("no ceiling is set"))
STEP_AGENCY = code("STEP_AGENCY", _("agency “{agency}” holds it too"))
STEP_GUARDED = code("STEP_GUARDED", _("no guarded key is in this request"))
STEP_WORKSPACE = code("STEP_WORKSPACE", _("default workspace"))
STEP_OWNER = code("STEP_OWNER", _("the object belongs to the caller's account"))
STEP_SHARE = code("STEP_SHARE", _("share unit {unit} contains it"))

# -- what a guard refuses -------------------------------------------------------------------------

GIVING = code(
    "GIVING",
    _(
        "You cannot give others what you do not hold yourself: {rights}. Ask the main account"
        " to do this, or to give you these rights first."
    ),
)
MAKING_USERS = code(
    "MAKING_USERS",
    _(
        "Every new user of this account may do what you may not: {rights}. Ask the main "
        "account to make the user."
    ),
)
TAKING_OVER = code(
    "TAKING_OVER",
    _(
        "User “{name}” may do what you do not hold yourself: {rights}. Ask the main account "
        "to do this."
    ),
)
LIFTING = code(
    "LIFTING",
    _(
        "This would lift a Deny of what you do not hold yourself: {rights}. Ask the main "
        "account to do this."
    ),
)
AND_MORE = code("AND_MORE", _("`{right}` and {n} more"))
RENAMING = code(
    "RENAMING",
    _(
        "A policy of user “{name}” asks for the user's name (`g:UserName`), and speaks of "
        "what you do not hold yourself: {right}. Ask the main account to change the name."
    ),
)
RETAGGING = code(
    "RETAGGING",
    _(
        "A policy of this account asks for a tag that would change ({tags}), and speaks of "
        "what you do not hold yourself: {right}. Ask the main account to change the tag."
    ),
)
MAIN_ACCOUNT_ITSELF = code("MAIN_ACCOUNT_ITSELF", _("Only the main account may do this to itself."))
POLICY_OF_AGENCY = code(
    "POLICY_OF_AGENCY", _("Only the main account changes a policy that is attached to an agency.")
)
AGENCIES_OF_MAIN_ACCOUNT = code(
    "AGENCIES_OF_MAIN_ACCOUNT",
    _(
        "Only the main account configures agencies, because an agency may hold any right of "
        "the account. Sign in as the main account."
    ),
)
STRICT_MODE = code(
    "STRICT_MODE",
    _(
        "Only the main account turns strict mode on or off: without it every user holds every"
        " right in ModelArts, also who turned it off. Sign in as the main account."
    ),
)
