"""Backups: a copy of database, bytes and keys in a folder, and the way back."""
