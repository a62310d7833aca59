"""Settings: one module for every way of running; what differs comes from the environment."""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from console.app_list import DOMAIN_APPS
from console.settings.database import database_config
from console.settings.env import Env
from core.identity import places
from core.identity.broker_keys import key_prefix
from core.sizes import Size

env = Env(os.environ)

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VERSION = "0.1.0"
VAR_DIR = Path(env.text("MODELYARD_VAR", str(BASE_DIR / "var"))).resolve()
TESTING = "pytest" in sys.modules
SIZE = Size.read(os.environ)

DEBUG = env.boolean("MODELYARD_DEBUG", default=False)


def _secrets() -> dict[str, str]:
    """Keys of this installation, made once, readable by its own user only."""
    path = VAR_DIR / "secrets.json"
    if path.exists():
        return json.loads(path.read_text())  # type: ignore[no-any-return]
    made = {"SECRET_KEY": secrets.token_urlsafe(48)}
    if not TESTING:
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(made, file)
    return made


def _broker_url() -> str:
    """The broker that ./run started for this data folder, so that commands typed by hand reach it;
    a server on the usual port where there is none."""
    try:
        return (VAR_DIR / "broker" / "url").read_text().strip() or "redis://127.0.0.1:6379/15"
    except (FileNotFoundError, PermissionError):
        return "redis://127.0.0.1:6379/15"


def _installation() -> str:
    """The id of this installation: the supervisor's word, or the data folder's marker."""
    given = env.text("MODELYARD_INSTALLATION")
    if given:
        return given
    try:
        marker = places.read(VAR_DIR) or {}
    except OSError:
        return ""
    return str(marker.get("installation") or "")


SECRET_KEY = env.text("MODELYARD_SECRET_KEY") or _secrets()["SECRET_KEY"]

WEB_URL = env.text("MODELYARD_WEB_URL", "http://127.0.0.1:8000")
GATEWAY_URL = env.text("MODELYARD_GATEWAY_URL", "http://127.0.0.1:8001")
ALLOWED_HOSTS = [
    host
    for host in env.text("MODELYARD_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
    if host
]
CSRF_TRUSTED_ORIGINS = [o for o in env.text("MODELYARD_TRUSTED_ORIGINS").split(",") if o]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "guardian",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_htmx",
    *DOMAIN_APPS,
    "console",
    "core",
]

MIDDLEWARE = [
    # First, so that what the others answer themselves (static files, refused hosts) has them too.
    "console.middleware.RequestIdMiddleware",
    "console.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.middleware.LanguageMiddleware",
    "console.visible_text.VisibleTextMiddleware",
    # Before whatever reads a form, and before session and token are looked at.
    "console.bodies.BodyMiddleware",
    "console.middleware.DeadlineMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.ErrorMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",  # forms' own widgets
                    ],
                )
            ],
            "libraries": {
                "trail": "console.ui.templatetags.trail",
                "ui": "console.ui.templatetags.ui",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "console.context.shell_context",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {"default": database_config(env.text("DATABASE_URL") or None, VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- who may do what
AUTH_USER_MODEL = "accounts.User"
MODELYARD_ACCOUNT_MODEL = "accounts.Account"
MODELYARD_ACCESS_ENGINE = "accounts.access.Engine"
AUTHENTICATION_BACKENDS = ["accounts.backends.AccountBackend"]
PASSWORD_HASHERS = [
    "accounts.signin.hasher.BoundedArgon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
PASSWORD_CHANGE_URL = "/password"  # noqa: S105 an address
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False

# Behind TLS these are on; on plain loopback a Secure cookie would never come back.
BEHIND_TLS = env.boolean("MODELYARD_BEHIND_TLS", default=WEB_URL.startswith("https://"))
# The proxies whose forwarding headers are believed; others' go before Django sees them.
TRUSTED_PROXIES = env.networks(
    "MODELYARD_TRUSTED_PROXIES", default=("127.0.0.1", "::1") if BEHIND_TLS else ()
)
SESSION_COOKIE_NAME = "__Host-modelyard" if BEHIND_TLS else "modelyard_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_SAVE_EVERY_REQUEST = False
SESSION_IDLE_SECONDS = 3600
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "console.pages.errors.csrf_failure"
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # guardian's own backend is not used: see sharing

# -- where things are
REGIONS: dict[str, Any] = dict(
    (pair.partition("=")[0], pair.partition("=")[2]) if "=" in pair else (pair, pair)
    for pair in env.text("MODELYARD_REGIONS", "cn-north-1=North 1,cn-east-1=East 1").split(",")
)
DEFAULT_REGION = next(iter(REGIONS))
MODELYARD_OBJECT_STORE = env.text("MODELYARD_OBJECT_STORE")  # s3://...; unset: VAR_DIR/objects
#: days that bytes lie in the trash after a sweep found that nothing refers to them
MODELYARD_TRASH_DAYS = env.integer("MODELYARD_TRASH_DAYS", default=7, minimum=0)
MODELYARD_MAX_OBJECT_BYTES = env.size("MODELYARD_MAX_OBJECT_BYTES", 5 * 1024**3)
#: bytes of a request to a service; an instance keeps the number that it was started with
MODELYARD_MAX_PREDICTION_BYTES = env.size("MODELYARD_MAX_PREDICTION_BYTES", 12 * 1024**2)

# -- language, time, static files
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_COOKIE_SAMESITE = "Lax"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "console.ui.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = TESTING
WHITENOISE_AUTOREFRESH = TESTING  # tests run without collected files
#: the second bound; console.bodies has the first, by route. Object bytes are streamed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
#: seconds that a request may take in all, once its body has come; tests run on busy machines
MODELYARD_REQUEST_SECONDS = env.duration(
    "MODELYARD_REQUEST_SECONDS", timedelta(seconds=600 if TESTING else 30)
).total_seconds()
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_HANDLERS = ["console.bodies.NoFiles"]
#: open live pages per web process, each of which holds a thread: half of them stay for requests
MODELYARD_LIVE_STREAMS = env.integer(
    "MODELYARD_LIVE_STREAMS",
    default=max(1, SIZE.web_threads // 2),
    minimum=1,
)
#: calls of services from pages per web process: with the streams they leave threads for requests
MODELYARD_PREDICT_CALLS = env.integer(
    "MODELYARD_PREDICT_CALLS",
    default=max(1, SIZE.web_threads // 4),
    minimum=1,
)
PREDICT_CALLS_PER_USER = 2
PREDICT_SECONDS = 75  # of one in all; above the gateway's 60 s for the beginning of an answer

#: ids of accounts that a user may give in an hour which are none they can share with; an account
#: has three times as many
MODELYARD_WRONG_ACCOUNT_IDS_PER_HOUR = env.integer(
    "MODELYARD_WRONG_ACCOUNT_IDS_PER_HOUR", default=20, minimum=1
)
#: share invitations of one account to another in 24 hours, and unanswered at a time
MODELYARD_INVITATIONS_PER_PAIR = env.integer(
    "MODELYARD_INVITATIONS_PER_PAIR", default=20, minimum=1
)

# -- work that takes time
REDIS_URL = env.text("REDIS_URL") or _broker_url()
MODELYARD_PUBLISHER = "core.outbox.publish_nowhere" if TESTING else "core.tasks.publish"
MODELYARD_BACKEND = env.text("MODELYARD_BACKEND", "compute.local.backend")
#: worker processes of this host, as the supervisor starts them
MODELYARD_WORKER_PROCESSES = SIZE.worker_processes
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 58
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    # Without these every request that changes something waits 6 s for a broker that is away; the
    # outbox keeps its message, and the sweep sends it.
    "max_retries": 0,
    "socket_connect_timeout": 2,
    # Queues, unacknowledged messages and channels: all that this installation keeps in the broker.
    "global_keyprefix": key_prefix(_installation()),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "ops.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {  # schedule: seconds between two
    # Sweeps that pile up while no worker is there are worth nothing later, but clocks of two
    # machines may differ by a minute.
    "sweep": {"task": "core.sweep", "schedule": 1.0, "options": {"expires": 75}},
    "forget": {"task": "core.forget", "schedule": 3600.0},
    "analyze": {"task": "core.analyze", "schedule": 600.0, "options": {"expires": 600}},
    "pulse": {"task": "core.pulse", "schedule": 300.0, "options": {"expires": 300}},
    "forget-sign-ins": {"task": "accounts.forget", "schedule": 3600.0},
    "forget-rates": {"task": "sharing.forget", "schedule": 3600.0},
    "storage-sweep": {"task": "storage.sweep", "schedule": 3600.0},
    "compute-sweep": {
        "task": "compute.sweep",
        "schedule": 60.0,
        "options": {"expires": 120},
    },
    "backup": {"task": "ops.backup", "schedule": 300.0, "options": {"expires": 300}},
}

# -- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.ConsoleSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "console.api.permissions.DeclaredAction",
        "console.api.query.KnownQuery",
    ],
    "DEFAULT_RENDERER_CLASSES": ["console.visible_text.VisibleJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["console.api.parsers.StrictJSONParser"],
    "DEFAULT_METADATA_CLASS": None,  # the OpenAPI document describes, not OPTIONS
    "DEFAULT_SCHEMA_CLASS": "console.api.schema.ModelyardSchema",
    "DEFAULT_PAGINATION_CLASS": "console.api.pagination.Pagination",
    "EXCEPTION_HANDLER": "console.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # ?format= is a filter like any other, not another renderer
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Modelyard API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {},
    "POSTPROCESSING_HOOKS": [],
}

# -- log
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "ops.log.LineFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("MODELYARD_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "celery": {"level": "WARNING"}},
}

#: sections of the side menu, in order; resources name theirs
NAV_SECTIONS = {
    "data": _("Data"),
    "train": _("Training"),
    "models": _("Models and services"),
    "sharing": _("Resource sharing"),
    "compute": _("Compute"),
    "iam": _("Access control"),
}

if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]

#: seconds between two copies of a running job's outputs to its bucket
MODELYARD_OUTPUT_SYNC_SECONDS = env.integer("MODELYARD_OUTPUT_SYNC_SECONDS", default=30)

#: seconds that working files of an ended attempt are kept; its log stays as long as its row
MODELYARD_KEEP_WORK_SECONDS = env.duration("MODELYARD_KEEP_WORK", timedelta(days=7)).total_seconds()

#: engines of this host; the tests share one directory so that they are built once
MODELYARD_ENGINES = env.path("MODELYARD_ENGINES", VAR_DIR / "engines")

#: what the public pool gives away in all; 0: two per core, and three quarters of the memory
MODELYARD_POOL_CPUS = env.integer("MODELYARD_POOL_CPUS", default=0, minimum=0)
MODELYARD_POOL_MEMORY = env.size("MODELYARD_POOL_MEMORY", 0)
#: bytes of disk that attempts share out among them; 0: half of what is there without the reserve
MODELYARD_POOL_DISK = env.size("MODELYARD_POOL_DISK", 0)
#: bytes of disk left to the platform itself; 0: 5 % of the file system, 128 MiB to 5 GiB
MODELYARD_DISK_RESERVE = env.size("MODELYARD_DISK_RESERVE", 0)

#: where planned backups go, unset for none; the pause between two, how many stay, to which keys
MODELYARD_BACKUP_DIR = env.text("MODELYARD_BACKUP_DIR")
MODELYARD_BACKUP_EVERY = env.integer("MODELYARD_BACKUP_EVERY", default=12, minimum=1)  # hours
MODELYARD_BACKUP_KEEP = env.integer("MODELYARD_BACKUP_KEEP", default=14, minimum=1)
MODELYARD_BACKUP_LOGS = env.boolean("MODELYARD_BACKUP_LOGS", default=False)
MODELYARD_BACKUP_ENCRYPT = [k for k in env.text("MODELYARD_BACKUP_ENCRYPT").split(",") if k]
