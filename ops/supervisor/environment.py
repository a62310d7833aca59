"""What the children are told: addresses, folders, keys."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ops.supervisor.lock import write_json

KEYS = ("SECRET_KEY",)
WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class SecretsUnreadable(Exception):
    """The file of keys is there but cannot be used."""


def ensure_secrets(path: Path) -> None:
    """Make the keys of this installation once; console.settings reads them from the file.

    Keys never travel in environment variables, where every child and every crash report would
    carry them. A damaged file is an error: new keys would silently invalidate every session and
    make what was encrypted with the old ones unreadable.
    """
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        known = {}
    except (OSError, ValueError) as problem:
        raise SecretsUnreadable(
            f"{path} cannot be read ({problem}). Restore it from a backup; delete it only if"
            " nothing in this data folder matters, because all sessions and stored credentials"
            " depend on it."
        ) from None
    missing = [key for key in KEYS if not known.get(key)]
    if missing:
        write_json(path, {**known, **{key: secrets.token_urlsafe(48) for key in missing}})
    path.chmod(0o600)


def reachable(host: str) -> str:
    """How a client on this machine writes a listening address: brackets for IPv6, loopback for
    "all interfaces"."""
    if host in WILDCARDS:
        return "[::1]" if host == "::" else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def child_environment(
    base: Mapping[str, str],
    *,
    var: Path,
    redis_url: str,
    host: str,
    port: int,
    gateway_port: int,
) -> dict[str, str]:
    """Variables for the children. What the operator set wins for public addresses and
    allowed host names, because only the operator knows the name in front of a proxy."""
    here = reachable(host)
    allowed = dict.fromkeys((*LOOPBACK_NAMES, here))
    if host in WILDCARDS:
        allowed[os.uname().nodename] = None
    own = {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "MODELYARD_VAR": str(var),
        "REDIS_URL": redis_url,
        "PYTHONUNBUFFERED": "1",
    }
    suggested = {
        "MODELYARD_WEB_URL": f"http://{here}:{port}",
        "MODELYARD_GATEWAY_URL": f"http://{here}:{gateway_port}",
        "MODELYARD_ALLOWED_HOSTS": ",".join(allowed),
    }
    given = {name: value for name, value in base.items() if value.strip()}
    return {**suggested, **given, **own}
