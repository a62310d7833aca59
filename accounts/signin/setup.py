"""The first set-up: single use, from this machine only, with a token from a file only its owner
can read. No default account and no default password ever ships (ASVS 6.3.2)."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts import messages
from accounts.account.models import Account
from accounts.account.services import make
from accounts.actors import actor_of
from accounts.signin import passwords, throttle
from accounts.signin.services import set_password
from accounts.user.models import User
from core import audit
from core.errors import NotFound, ValidationFailed
from core.layout import Layout


def token_path() -> Path:
    return Path(settings.VAR_DIR) / "setup-token"


def is_open() -> bool:
    """True until the first account exists."""
    return not Account.objects.exists()


def token() -> str:
    """The token of this installation, made on first call. The file is 0600 from its creation."""
    path = token_path()
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


def link() -> str:
    """Address of the set-up page with its token. Raises NotFound when an account exists.

    The token stands behind ``#``, which browsers never send, so no log holds it.
    """
    if not is_open():
        raise NotFound(messages.SET_UP_ALREADY())
    return f"{_address()}/setup#{token()}"


def _address() -> str:
    """Where the console that runs on this data folder answers, whatever port it was given."""
    try:
        state = json.loads(Layout(Path(settings.VAR_DIR)).state.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return str(settings.WEB_URL)  # not started by ./run, or just being started
    return str(state.get("addresses", {}).get("web") or settings.WEB_URL)


def complete(
    setup_token: str, account_name: str, password: str, *, ip: str = "", request_id: str = ""
) -> User:
    """Create the operator's account and its root user. Works once.

    Raises:
        NotFound: set up already.
        ValidationFailed: token, name or password.
    """
    if not is_open():
        raise NotFound()
    address = throttle.key_of_address(ip)
    throttle.begin(address)
    path = token_path()
    expected = path.read_text().strip() if path.exists() else ""
    if not expected or not hmac.compare_digest(
        expected.encode(), setup_token.strip().encode("utf-8", "replace")
    ):
        raise ValidationFailed.of("setup_token", messages.SETUP_TOKEN_WRONG())
    throttle.withdraw(address)
    passwords.check(password, account=account_name, username=account_name)
    with transaction.atomic():
        _account, root = make(account_name, is_operator=True)
        # Two set-ups at once: both made an account, so both see two here and the later one ends.
        if Account.objects.count() != 1:
            raise NotFound()
        set_password(root, password, must_change=False)
        audit.record(
            actor_of(root, via="console", source_ip=ip, request_id=request_id),
            event="setUp",
            action="iam:accounts:createAccount",
            target=root,
        )
    path.unlink(missing_ok=True)
    return root
