"""Django application of this room."""

from django.apps import AppConfig


class ComputeConfig(AppConfig):
    """Regions, flavors, pools, engines, sandbox, backends."""

    name = "compute"
