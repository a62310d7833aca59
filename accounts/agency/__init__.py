"""Agencies: rights that an account delegates to the platform."""
