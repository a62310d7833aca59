"""What ends a backup or a restore."""

from __future__ import annotations


class BackupError(Exception):
    """It cannot go on; the message names the thing, the rule and the next step."""
