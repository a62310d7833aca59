"""Who are you: checking a password, and changing one's own."""

from __future__ import annotations

import datetime as dt
import hmac

from django.contrib.auth import authenticate
from django.core import signing
from django.utils import timezone

from accounts import facts, messages
from accounts.actors import actor_of
from accounts.backends import account_of, find
from accounts.hold import by_password
from accounts.session import services as sessions
from accounts.signin import passwords, throttle
from accounts.token import services as tokens
from accounts.user.models import User
from core import access, audit
from core.actor import ANONYMOUS, Actor, Via
from core.errors import NotAuthenticated, Unavailable, ValidationFailed
from core.models import AuditRecord

DEVICE_COOKIE = "modelyard_device"
DEVICE_AGE = dt.timedelta(days=180)
_SALT = "accounts.signin.device"


def verify(
    account: str,
    user: str,
    password: str,
    *,
    ip: str,
    user_agent: str = "",
    request_id: str = "",
    device: str = "",
    via: Via = "console",
) -> User:
    """The user, if the password is right. Counts every attempt; audits failures.

    Raises:
        NotAuthenticated: in the same words and time, whatever is wrong.
        TooManyRequests: too many failures for this user or from this address.
        Unavailable: too many passwords are being checked; this attempt does not count.
    """
    account, user = account.strip()[:64], user.strip()[:64]
    known = device_of(device)
    keys = (_counter(account, user, known, device), throttle.key_of_address(ip))
    throttle.begin(*keys)
    try:
        found = authenticate(None, account=account, user=user, password=password)
    except Unavailable:
        throttle.withdraw(*keys)
        raise
    if not isinstance(found, User):
        _audit_failure(account, user, ip, user_agent, request_id, via)
        raise NotAuthenticated(messages.SIGN_IN_FAILED())
    throttle.succeeded(*keys)
    return found


def device_token(user: User) -> str:
    """Value of the cookie that says "this user signed in on this device before"."""
    return signing.dumps(str(user.pk), salt=_SALT)


def device_of(value: str) -> str | None:
    """The user id in a device cookie, or None."""
    if not value:
        return None
    try:
        return str(signing.loads(value, salt=_SALT, max_age=DEVICE_AGE))
    except signing.BadSignature:
        return None


def _counter(account: str, user: str, known: str | None, device: str) -> str:
    """Who is guessed at: the user found, so that id and name of an account, case and compatibility
    forms of letters lead to one count; a device that they signed in on has its own."""
    found = find(account, user)
    if found is None:
        owner = account_of(account)
        return throttle.key_of_name(owner or account, user)
    if known is not None and hmac.compare_digest(str(found.pk), known):
        return throttle.key_of("device", device, known)
    return throttle.key_of("user", str(found.pk))


def _audit_failure(
    account: str, user: str, ip: str, user_agent: str, request_id: str, via: Via
) -> None:
    """Into the trail of the account that was tried, if there is one. The typed user name is kept
    only where such a user exists: people type passwords into the wrong field."""
    found = find(account, user)
    actor = ANONYMOUS.with_request(
        source_ip=ip, user_agent=user_agent, request_id=request_id, via=via
    )
    audit.record(
        actor,
        event="login",
        action="iam:users:signIn",
        target=found,
        result=AuditRecord.Result.FAILED,
        message="wrong password, or the user may not sign in" if found else "no such user",
    )


def audit_success(actor: Actor) -> None:
    """One row per sign-in."""
    user = User.objects.unscoped("sign-in trail").get(pk=actor.user_id)
    audit.record(actor, event="login", action="iam:users:signIn", target=user)


def change_password(
    user: User, old: str, new: str, *, actor: Actor | None = None, keep_session: str | None = None
) -> User:
    """Replace the user's own password. Ends their other sessions and every API token, at once.

    ``keep_session`` is the session that asked. ``actor`` defaults to the user.

    Raises:
        ValidationFailed: the old password is wrong, or the new one is not acceptable or the same.
    """
    actor = actor or actor_of(user, via="console")
    action = "iam:users:changeOwnPassword"
    access.authorize(actor, action)
    key = throttle.key_of("user", str(user.pk), "change")
    throttle.begin(key)
    try:
        right = user.check_password(old)
    except Unavailable:
        throttle.withdraw(key)
        raise
    if not right:
        raise ValidationFailed.of("old", messages.PASSWORD_WRONG())
    throttle.succeeded(key)
    passwords.check(new, account=user.account.name, username=user.name, field="new")
    if user.check_password(new):
        raise ValidationFailed.of("new", messages.PASSWORD_SAME())
    checked = actor.with_request(credential=by_password(user))
    with access.writing(actor, changes=(user.account_id,)):
        # An administrator may have reset it since: then neither the old nor the new one counts.
        access.look_again(checked)
        decision = access.authorize(actor, action)
        set_password(user, new, must_change=False)
        ended = sessions.end_all(user, but=keep_session)
        revoked = tokens.revoke_all(user)
        audit.record(
            actor,
            event="changePassword",
            action=action,
            target=user,
            decision_id=decision.id,
            after={"sessions_ended": ended, "revoked_count": revoked},
        )
    return user


def set_password(
    user: User, raw: str, *, must_change: bool, expires_in: dt.timedelta | None = None
) -> None:
    """Write a password. Call it in a transaction; the caller audits."""
    now = timezone.now()
    user.set_password(raw)
    user.must_change_password = must_change
    user.password_expires_at = now + expires_in if expires_in is not None else None
    user.password_changed_at = now
    user.save(
        update_fields=[
            "password",
            "must_change_password",
            "password_expires_at",
            "password_changed_at",
        ]
    )
    facts.bump(user.account_id)
