"""The Django project and the console's shell: settings, router, generic pages, API base, UI."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
