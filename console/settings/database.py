"""`DATABASE_URL` to Django's `DATABASES["default"]`."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

EXAMPLES = (
    "postgres://user:password@host:5432/name, postgres:///name?host=/run/postgresql "
    "or sqlite:////absolute/path.sqlite3"
)
POSTGRES_SCHEMES = ("postgres", "postgresql", "pgsql")

# Seconds a connection is kept between requests. It matters on SQLite too: when the last
# connection closes, SQLite folds the whole write-ahead log back into the file and deletes it,
# which costs an fsync per request.
KEEP_CONNECTION = 600

# WAL lets readers go on while one writer writes. synchronous=NORMAL is safe from corruption in
# WAL mode; a power cut may lose the last commits, a killed process loses nothing
# (https://sqlite.org/pragma.html#pragma_synchronous). The size limit gives disk space back after
# one large write.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA journal_size_limit=67108864;"
)


def database_config(url: str | None, var_dir: Path) -> dict[str, Any]:
    """Django's settings for one database.

    None or an empty `url` means SQLite in `var_dir`. Raises ImproperlyConfigured without repeating
    the address, because it usually carries a password.
    """
    if not url:
        return sqlite(var_dir / "modelyard.sqlite3")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise ImproperlyConfigured(
            f"DATABASE_URL cannot be read ({problem}). It must look like {EXAMPLES};"
            " characters such as @ : / # in a password are written percent-encoded."
        ) from None
    if parts.scheme == "sqlite":
        return sqlite(_sqlite_path(parts))
    if parts.scheme in POSTGRES_SCHEMES:
        return _postgres(parts, port)
    raise ImproperlyConfigured(
        f"DATABASE_URL starts with {parts.scheme or 'no'!r}:// which is not supported."
        f" It must look like {EXAMPLES}."
    )


def sqlite(path: Path) -> dict[str, Any]:
    """SQLite in one file, set up for several processes."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": KEEP_CONNECTION,
        "OPTIONS": {
            # Seconds a writer waits for the one before it.
            "timeout": 20,
            # A transaction that begins DEFERRED and later writes cannot wait for its turn: SQLite
            # fails it at once with "database is locked". IMMEDIATE takes the turn at the
            # beginning, where waiting works.
            "transaction_mode": "IMMEDIATE",
            "init_command": SQLITE_PRAGMAS,
        },
    }


def _sqlite_path(parts: SplitResult) -> Path:
    path = unquote(parts.path)
    # sqlite:////srv/x is the usual spelling, sqlite:///srv/x a common one; both mean /srv/x.
    if parts.netloc or not path.strip("/"):
        raise ImproperlyConfigured(
            "DATABASE_URL names no absolute SQLite file. Write sqlite:////absolute/path.sqlite3."
        )
    return Path("/" + path.lstrip("/"))


def _postgres(parts: SplitResult, port: int | None) -> dict[str, Any]:
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured(f"DATABASE_URL names no database. It must look like {EXAMPLES}.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    # libpq takes a folder as "host" for a unix socket; urlsplit lower-cases hostname, so a socket
    # folder is cut out of netloc by hand.
    host = unquote(parts.netloc.rpartition("@")[2])
    host = host.partition(":")[0] if host.startswith("/") else parts.hostname or ""
    host = options.pop("host", "") or host
    config: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or options.pop("password", "")),
        "HOST": host,
        "PORT": options.pop("port", "") or (str(port) if port else ""),
        "CONN_MAX_AGE": _seconds(options.pop("conn_max_age", "")),
        # A kept connection may have been cut by a server restart; without the check the request
        # that meets it fails.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": "10", "application_name": "modelyard", **options},
    }
    return config


def _seconds(value: str) -> int:
    if not value:
        return KEEP_CONNECTION
    if not value.isdigit():
        raise ImproperlyConfigured(
            "DATABASE_URL: conn_max_age must be a whole number of seconds"
            " (0 closes after each request)."
        )
    return int(value)
