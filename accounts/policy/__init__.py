"""Policies, their versions and where they are attached."""
