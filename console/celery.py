"""The Celery application: it only carries "look at this object"."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# The checks resolve every route, so each worker would load all pages; `manage.py prepare` has made
# them before the processes start.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("modelyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
