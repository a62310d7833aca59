"""The base of /api/v1: explicit serializers, declared actions, uniform errors."""
