"""The compute backend of this installation, chosen by ``settings.MODELYARD_BACKEND``."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from accounts import services as accounts
from compute.backends.base import Backend
from compute.backends.local import LocalBackend
from compute.engines.catalogue import ENGINES
from compute.runner.storage import ADDRESS
from core import installation


@lru_cache(maxsize=4)
def _local(root: str) -> LocalBackend:
    return LocalBackend(Path(root), installation=installation.installation_id)


def backend() -> Backend:
    """Processes in a sandbox on this host."""
    return _local(f"{settings.VAR_DIR}/work")


def current() -> Backend:
    """The configured backend."""
    return import_string(settings.MODELYARD_BACKEND)()  # type: ignore[no-any-return]


def place(pool: str, engine: str) -> dict[str, str]:
    """Where something that is started now runs, as columns of its attempt: this host, the pool, and
    the digest of the engine, "" for one that is not in the catalogue."""
    known = ENGINES.get(engine)
    return {
        "node": socket.gethostname()[:64],
        "pool_id": pool,
        "environment_id": known.digest if known else "",
    }


def api_url() -> str:
    """Where a runner reaches the API."""
    return f"{settings.WEB_URL}/api/v1"


def credential_file(attempt: str) -> Path:
    """Where the short-lived credential of an attempt lies: outside every sandbox, 0600."""
    return Path(settings.VAR_DIR) / "credentials" / attempt


def write_credential(attempt: str, bearer: str) -> Path:
    """Store (or replace) an attempt's credential and return its path."""
    path = credential_file(attempt)
    _write_private(path, bearer)
    return path


def write_address() -> None:
    """Tell the runners of this host where the API answers now: the console may have been started
    again on another port while they worked."""
    _write_private(credential_file(ADDRESS), api_url())


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    fresh.replace(path)


def forget_credential(attempt: str) -> None:
    """End an attempt's credential and delete its file: what the runner may have kept of it, or
    somebody copied, opens nothing any more."""
    path = credential_file(attempt)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return
    accounts.revoke_credential(text)
    path.unlink(missing_ok=True)
