"""Making, checking and ending bearer tokens.

Form: ``my_<12 letters and digits>_<43 characters>``. The first part finds the row by an index, the
second is 256 random bits; only its SHA-256 is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import string
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts import facts, messages
from accounts.actors import loopback, user_id_of
from accounts.agency.models import Agency
from accounts.facts import AccountFacts
from accounts.hold import by_token
from accounts.token import uses
from accounts.token.models import ApiToken
from accounts.user.models import User
from core import access, audit
from core.actor import Actor
from core.errors import (
    Conflict,
    NotAuthenticated,
    NotFound,
    QuotaExceeded,
    ValidationFailed,
)
from core.prepared import Prepared, Question

PREFIX_LENGTH = 12
TOKEN_LENGTH = len("my_") + PREFIX_LENGTH + 1 + 43
DEFAULT_LIFETIME = dt.timedelta(days=90)
MAX_LIFETIME = dt.timedelta(days=365)
MAX_CREDENTIAL = dt.timedelta(hours=12)
MAX_TOKENS = 20  # in force at a time, per user
_LETTERS = string.ascii_letters + string.digits


def _make(**fields: object) -> tuple[ApiToken, str]:
    secret = secrets.token_urlsafe(32)
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(PREFIX_LENGTH))
    token = ApiToken.objects.create(
        prefix=prefix, digest=hashlib.sha256(secret.encode()).hexdigest(), **fields
    )
    return token, f"my_{prefix}_{secret}"


def create(
    actor: Actor, name: str, *, lifetime: dt.timedelta = DEFAULT_LIFETIME
) -> tuple[ApiToken, str]:
    """A token of the actor. The text is returned this once and kept nowhere.

    Raises:
        AccessDenied, ValidationFailed, QuotaExceeded (20 tokens in force).
    """
    action = "iam:credentials:createCredential"
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise ValidationFailed.of("name", messages.TOKEN_NAME())
    if not dt.timedelta(minutes=1) <= lifetime <= MAX_LIFETIME:
        raise ValidationFailed.of("days", messages.TOKEN_DAYS())
    with access.writing(actor):
        decision = access.authorize(actor, action)
        User.objects.unscoped("one count at a time").select_for_update().get(pk=actor.user_id)
        if _in_force(user_id_of(actor)).count() >= MAX_TOKENS:
            raise QuotaExceeded(messages.TOKENS_LIMIT(most=MAX_TOKENS))
        token, text = _make(
            account_id=actor.account_id,
            user_id=actor.user_id,
            kind=ApiToken.Kind.USER,
            name=name,
            expires_at=timezone.now() + lifetime,
        )
        audit.record(
            actor,
            event="createApiToken",
            action=action,
            target=token,
            decision_id=decision.id,
            after={"name": name, "prefix": token.prefix, "expires_at": token.expires_at},
        )
    return token, text


def own_tokens(actor: Actor) -> list[ApiToken]:
    """The actor's own API tokens, newest first; ended ones stay listed for 30 days."""
    access.authorize(actor, "iam:credentials:listCredentials")
    since = timezone.now() - dt.timedelta(days=30)
    rows = ApiToken.objects.filter(user_id=user_id_of(actor), kind=ApiToken.Kind.USER)
    rows = rows.exclude(revoked_at__lt=since).exclude(expires_at__lt=since)
    return list(rows.order_by("-created_at"))


def revoke(actor: Actor, token_id: UUID | str) -> None:
    """End one of the actor's own tokens. Raises NotFound for anybody else's."""
    rows = ApiToken.objects.filter(user_id=user_id_of(actor), kind=ApiToken.Kind.USER)
    try:
        token = rows.filter(pk=UUID(str(token_id))).first()
    except ValueError:
        token = None
    if token is None:
        raise NotFound()
    action = "iam:credentials:deleteCredential"
    with access.writing(actor, changes=(actor.account_id,)):
        decision = access.authorize(actor, action, token)
        rows.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        audit.record(
            actor, event="deleteApiToken", action=action, target=token, decision_id=decision.id
        )


def revoke_all(user: User) -> int:
    """End every API token of a user; returns how many. The caller audits.

    Background credentials live on: a job does not die of its owner's new password, and they end
    with the job, the agency or the user.
    """
    rows = ApiToken.objects.filter(user=user, kind=ApiToken.Kind.USER, revoked_at=None)
    return rows.update(revoked_at=timezone.now())


def issue_credential(user: User, agency: Agency, bound_to: str, ttl: dt.timedelta | float) -> str:
    """A background credential: rights are those of ``agency`` AND those of ``user`` at each use.

    ``bound_to`` names the object it serves ("training.trainingjob:<id>"), ``ttl`` is a timedelta
    or seconds, at most 12 hours.

    Raises:
        Conflict: the agency is over, or is not for this user.
        ValidationFailed: ``bound_to`` or ``ttl`` is out of bounds.
    """
    lifetime = ttl if isinstance(ttl, dt.timedelta) else dt.timedelta(seconds=ttl)
    if not dt.timedelta(0) < lifetime <= MAX_CREDENTIAL:
        raise ValidationFailed.of("ttl", messages.CREDENTIAL_HOURS())
    if not bound_to:
        raise ValidationFailed.of("bound_to", messages.CREDENTIAL_OBJECT())
    if agency.account_id != user.account_id or agency.grantee_id not in (None, user.pk):
        raise Conflict(messages.AGENCY_NOT_FOR_USER(agency=agency.name, user=user.name))
    if agency.state != "active":
        raise Conflict(messages.AGENCY_NOT_IN_FORCE(agency=agency.name, state=agency.state))
    now = timezone.now()
    end = min(now + lifetime, agency.expires_at or now + lifetime)
    _token, text = _make(
        account_id=user.account_id,
        user=user,
        kind=ApiToken.Kind.CREDENTIAL,
        name=bound_to[:64],
        agency=agency,
        bound_to=bound_to,
        expires_at=end,
    )
    return text


def revoke_credentials(bound_to: str) -> int:
    """End every credential that serves ``bound_to``; returns how many were still in force."""
    if not bound_to:
        return 0
    rows = ApiToken.objects.filter(
        bound_to=bound_to, kind=ApiToken.Kind.CREDENTIAL, revoked_at=None
    )
    return rows.update(revoked_at=timezone.now())


def revoke_all_credentials() -> int:
    """End every background credential; returns how many were in force. Users' tokens stay."""
    rows = ApiToken.objects.filter(kind=ApiToken.Kind.CREDENTIAL, revoked_at=None)
    return rows.update(revoked_at=timezone.now())


def revoke_credential(text: str) -> bool:
    """End the one credential whose text this is; whether it was in force until now."""
    prefix = text.strip()[3 : 3 + PREFIX_LENGTH]
    rows = ApiToken.objects.filter(prefix=prefix, kind=ApiToken.Kind.CREDENTIAL, revoked_at=None)
    return bool(rows.update(revoked_at=timezone.now()))


def authenticate_bearer(
    header: str,
    *,
    source_ip: str = "",
    user_agent: str = "",
    request_id: str = "",
    region: str = "",
    secure: bool | None = None,
    referer: str = "",
) -> Actor:
    """The actor behind an ``Authorization`` header. One indexed query; works without a request.

    A background credential that comes from this machine itself is work inside the platform.

    Raises:
        NotAuthenticated: whatever is wrong with it, in the same words.
    """
    parts = _parts(header)
    if parts is None:
        raise _refused()
    prefix, secret = parts
    row = BY_PREFIX.row(prefix=prefix)
    given = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    if row is None:
        raise _refused()
    digest, pk, kind, agency_id, bound_to, expires_at, revoked_at, last_used_at, *who = row
    user_id, name, is_root, user_active, must_change, *account = who
    account_id, account_name, is_operator, active, epoch, strict = account
    now = timezone.now()
    if not hmac.compare_digest(digest, given) or revoked_at is not None or expires_at <= now:
        raise _refused()
    if not (user_active and active):
        raise _refused()
    facts.note(AccountFacts(account_id, account_name, epoch, active, strict, is_operator))
    if last_used_at is None or now - last_used_at > uses.EVERY:
        uses.note(pk, now, source_ip)
    credential = kind == ApiToken.Kind.CREDENTIAL
    return Actor(
        kind="user",
        account_id=account_id,
        account_name=account_name,
        user_id=user_id,
        username=name,
        is_root=is_root,
        is_operator=is_operator,
        must_change_password=must_change,
        via="credential" if credential else "token",
        agency_id=agency_id,
        bound_to=bound_to,
        credential=by_token(pk),
        source_ip=source_ip,
        user_agent=user_agent[:200],
        request_id=request_id,
        region=region or settings.DEFAULT_REGION,
        secure=None if credential and loopback(source_ip) else secure,
        referer=referer[:200],
    )


def token_question(header: str) -> Question | None:
    """What ``authenticate_bearer`` will ask about this header; None where it refuses unasked."""
    parts = _parts(header)
    return BY_PREFIX.ask(prefix=parts[0]) if parts is not None else None


def _parts(header: str) -> tuple[str, str] | None:
    """Prefix and secret of a header that has the form of one."""
    scheme, _space, text = header.strip().partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or len(text) != TOKEN_LENGTH or not text.startswith("my_"):
        return None
    prefix, secret = text[3 : 3 + PREFIX_LENGTH], text[4 + PREFIX_LENGTH :]
    return (prefix, secret) if prefix.isascii() and prefix.isalnum() else None


BY_PREFIX = Prepared(
    lambda prefix: ApiToken.objects.filter(prefix=prefix).values_list(
        "digest", "pk", "kind", "agency_id", "bound_to", "expires_at", "revoked_at",
        "last_used_at", "user_id", "user__name", "user__is_root", "user__is_active",
        "user__must_change_password", "user__account_id", "user__account__name",
        "user__account__is_operator", "user__account__is_active", "user__account__iam_epoch",
        "user__account__strict_mode",
    ),
    prefix=ApiToken._meta.get_field("prefix"),
)  # fmt: skip


def forget_ended(older_than: dt.timedelta = dt.timedelta(days=30)) -> int:
    """Delete tokens that ended long ago; returns how many rows."""
    gone, _kinds = ApiToken.objects.filter(expires_at__lt=timezone.now() - older_than).delete()
    return gone


def _in_force(user_id: UUID) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(
        user_id=user_id, kind=ApiToken.Kind.USER, revoked_at=None, expires_at__gt=timezone.now()
    )


def _refused() -> NotAuthenticated:
    return NotAuthenticated(messages.TOKEN_NOT_VALID())
