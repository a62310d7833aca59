"""The application of the gateway process, which ``__main__`` serves."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
django.setup()

from django.conf import settings  # noqa: E402 settings come first

from serving.gateway.app import create_app  # noqa: E402 settings come first
from serving.gateway.callers import Callers  # noqa: E402
from serving.gateway.connections import Connections, most  # noqa: E402
from serving.gateway.pipeline import pipeline  # noqa: E402
from serving.gateway.protocol import Settings  # noqa: E402
from serving.gateway.reader import reader  # noqa: E402
from serving.gateway.resolver import ASKED, DjangoResolver  # noqa: E402

Callers.connections_open = Connections(most(), shared=settings.TRUSTED_PROXIES)
_resolver = DjangoResolver(reader(*ASKED) or pipeline(*ASKED))
app = create_app(
    _resolver,
    _resolver.store,
    Settings(report_every=5.0, trusted_proxies=settings.TRUSTED_PROXIES),
)
