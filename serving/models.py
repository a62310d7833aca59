"""Every table of the room."""

from serving.service.models import Instance, Service, Traffic

__all__ = ["Instance", "Service", "Traffic"]
