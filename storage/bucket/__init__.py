"""Buckets: where the objects of an account live."""
