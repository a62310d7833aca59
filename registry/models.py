"""Every table of the room."""

from registry.model.models import Model, ModelFile, ModelGrant

__all__ = ["Model", "ModelFile", "ModelGrant"]
