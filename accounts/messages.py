"""What the room accounts says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("accounts")

ACCOUNT_NAME_TAKEN = code(
    "ACCOUNT_NAME_TAKEN", _("An account “{name}” exists already."), _("Choose another name.")
)
OPERATOR_STAYS = code(
    "OPERATOR_STAYS",
    _("Account “{account}” runs this installation and cannot be suspended."),
    _("Suspend other accounts only."),
)
SIGN_IN_FIRST = code("SIGN_IN_FIRST", _("Sign in first."))
ROOT_IN_NO_GROUP = code(
    "ROOT_IN_NO_GROUP",
    _("The main account holds every right and is in no group."),
    _("Add another user."),
)
SIGNED_OUT_MEANWHILE = code(
    "SIGNED_OUT_MEANWHILE",
    _("You were signed out, or the token was revoked, before this was done; nothing was changed."),
    _("Sign in again."),
    code="SIGNED_OUT_MEANWHILE",
)
ONE_PRINCIPAL = code("ONE_PRINCIPAL", _("Name exactly one of user, group and agency."))
POLICY_PROBLEMS = code(
    "POLICY_PROBLEMS", _("The policy has {n} problem."), many=_("The policy has {n} problems.")
)
ROOT_NEEDS_NO_POLICY = code(
    "ROOT_NEEDS_NO_POLICY",
    _("The main account holds every right; policies do not apply to it."),
    _("Attach the policy to a user, a group or an agency."),
)
AMBIGUOUS_POLICY = code(
    "AMBIGUOUS_POLICY",
    _("A system policy and a policy of your account are both called “{text}”."),
    _("Send the id of yours, or “{system}{text}”; or give yours another name."),
    code="AMBIGUOUS_POLICY",
)
ATTACHED_ALREADY = code(
    "ATTACHED_ALREADY",
    _("Policy “{name}” is attached to “{principal}” already."),
    _("Nothing needs to be done."),
)
EXCLUSIVE_POLICIES = code(
    "EXCLUSIVE_POLICIES",
    _("“{name}” and “{other}” cannot both be attached."),
    _("Detach “{other}” first."),
    code="EXCLUSIVE_POLICIES",
)
PASSWORDS_BUSY = code(
    "PASSWORDS_BUSY",
    _(
        "Too many passwords are being checked right now, so yours was not looked at. "
        "Nothing was changed."
    ),
    _("Try again in a few seconds."),
    code="PASSWORDS_BUSY",
)
PASSWORD_SHORT = code(
    "PASSWORD_SHORT",
    _("The password has {n} characters; it needs at least {min_length}."),
    _("A sentence or four unrelated words are easy to remember."),
    code="PASSWORD_SHORT",
)
PASSWORD_LONG = code(
    "PASSWORD_LONG", _("The password has more than {most} characters."), code="PASSWORD_LONG"
)
PASSWORD_COMMON = code(
    "PASSWORD_COMMON",
    _("This password is among the first that guessing programs try."),
    _("Choose one that is not a known password, a pattern or a repetition."),
    code="PASSWORD_COMMON",
)
PASSWORD_CONTEXT = code(
    "PASSWORD_CONTEXT",
    _("The password is hardly more than the name of the product, account or user."),
    _("Choose words that have nothing to do with them."),
    code="PASSWORD_CONTEXT",
)
PASSWORD_WRONG = code("PASSWORD_WRONG", _("The present password is wrong."), code="PASSWORD_WRONG")
PASSWORD_SAME = code(
    "PASSWORD_SAME", _("The new password is the present one."), code="PASSWORD_SAME"
)
SET_UP_ALREADY = code("SET_UP_ALREADY", _("An account exists already; sign in instead."))
SETUP_TOKEN_WRONG = code(
    "SETUP_TOKEN_WRONG",
    _("This is not the set-up token of this installation."),
    _("Run `manage.py setup_link` on this machine and open the address it prints."),
)
TOO_MANY_SIGN_INS = code(
    "TOO_MANY_SIGN_INS",
    _("Too many failed sign-ins. Wait {seconds} seconds and try again."),
    _(
        "No user is locked out for good. If this was not you, your administrator can see "
        "the attempts in the audit trail."
    ),
)
TOKEN_NOT_VALID = code(
    "TOKEN_NOT_VALID",
    _("The API token is not valid: unknown, expired, revoked, or its user is disabled."),
    _("Make a new one on the page “My security”, or with POST /api/v1/auth/tokens."),
)
TOKEN_NAME = code("TOKEN_NAME", _("Give the token a name of 1 to 64 characters."))
TOKEN_DAYS = code("TOKEN_DAYS", _("A token is valid for at most 365 days."))
CREDENTIAL_HOURS = code("CREDENTIAL_HOURS", _("A credential is valid for at most 12 hours."))
CREDENTIAL_OBJECT = code("CREDENTIAL_OBJECT", _("A credential names the object it serves."))
AGENCY_NOT_FOR_USER = code(
    "AGENCY_NOT_FOR_USER",
    _("Agency “{agency}” is not for user “{user}”."),
    _("The main account can make an agency for this user or for all users."),
    code="AGENCY_NOT_FOR_USER",
)
AGENCY_NOT_IN_FORCE = code(
    "AGENCY_NOT_IN_FORCE",
    _("Authorisation lost: agency “{agency}” is {state}."),
    _("The main account can make a new agency."),
    code="AUTHORISATION_LOST",
)
TOKENS_LIMIT = code(
    "TOKENS_LIMIT",
    _("You have {most} API tokens in force, which is the limit."),
    _("Revoke one you no longer need."),
)
ROOT_NAME = code(
    "ROOT_NAME", _("The root user carries the account's name."), _("Leave the name as it is.")
)
DELETE_ONESELF = code(
    "DELETE_ONESELF", _("You cannot delete yourself."), _("Ask another administrator.")
)
DISABLE_ONESELF = code(
    "DISABLE_ONESELF", _("You cannot disable yourself."), _("Ask another administrator.")
)
AGENCY_OF_USER = code(
    "AGENCY_OF_USER",
    _("Agency “{agency}” is granted to user “{row}”."),
    _("The main account gives it to another user, revokes or deletes it first."),
    code="IN_USE",
)
USER_STILL_NEEDED = code(
    "USER_STILL_NEEDED",
    _("User “{user}” is still needed by: {names}."),
    _("Disable the user instead; that ends sessions and tokens at once."),
)
STARTER_GONE = code(
    "STARTER_GONE",
    _("Authorisation lost: the user who started this is gone or disabled."),
    _("Another user can rerun it."),
    code="AUTHORISATION_LOST",
)
AGENCY_DELETED = code(
    "AGENCY_DELETED",
    _("Authorisation lost: the agency was deleted."),
    _("The main account can make a new agency; then rerun."),
    code="AUTHORISATION_LOST",
)
NO_LIMIT = code(
    "NO_LIMIT", _("A limit is a whole number from 0 to {highest:,}; without one the default holds.")
)
SIGN_IN_FAILED = code(
    "SIGN_IN_FAILED",
    _("The account, user or password is wrong, or the user may not sign in."),
    code="SIGN_IN_FAILED",
)
PASSWORD_TEMPORARY = code(
    "PASSWORD_TEMPORARY",
    _("The password is temporary and must be changed first."),
    _("POST /api/v1/auth/password with account, user, old and new."),
)
ROOT_NOT_DELETED = code(
    "ROOT_NOT_DELETED",
    _("The root user of an account cannot be deleted."),
    _("The operator can suspend the whole account."),
)
ROOT_NOT_DISABLED = code(
    "ROOT_NOT_DISABLED",
    _("The root user of an account cannot be disabled."),
    _("The operator can suspend the whole account."),
)
