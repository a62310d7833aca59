"""Blobs: immutable bytes and who refers to them."""
