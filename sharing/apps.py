"""Django application of this room."""

from django.apps import AppConfig


class SharingConfig(AppConfig):
    """Share units, invitations and grants."""

    name = "sharing"
