"""ASGI entry, for hosts that prefer it; the gateway is an application of its own."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from core.proxies import BelievingAsgi, Proxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application = BelievingAsgi(get_asgi_application(), Proxies(settings.TRUSTED_PROXIES))
