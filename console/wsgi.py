"""WSGI entry of the console."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from core.proxies import Believing, Proxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application = Believing(get_wsgi_application(), Proxies(settings.TRUSTED_PROXIES))
