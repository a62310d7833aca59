"""A host identity per attempt, when the platform is root.

Every running job gets an unprivileged uid of its own, so process limits count per job and one
job's processes could not signal another's even if they met. A uid is held by a lock on a file and
returns by itself when the runner ends, however it ends. The range is machine-wide because uids are.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from compute.runner.failures import Failure
from compute.runner.sentences import say

FIRST_UID = 200_000
COUNT = 4096
DIRECTORY = Path("/run/modelyard-uids")


class Identity:
    """uid and gid to run as; (0, 0) means: the platform's own user. Keep the object alive."""

    def __init__(self, uid: int, descriptor: int = -1) -> None:
        self.uid = uid
        self.gid = uid
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the uid back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(wanted: int = 0, directory: Path = DIRECTORY) -> Identity:
    """The first free uid of the range, or `wanted`. Raises Failure SANDBOX_FAILED when none is."""
    if os.geteuid() != 0:
        return Identity(0)
    if wanted:
        return Identity(wanted)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for slot in range(COUNT):
        descriptor = os.open(directory / str(slot), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return Identity(FIRST_UID + slot, descriptor)
    raise Failure(
        "SANDBOX_FAILED",
        say("NO_IDENTITY_LEFT", count=COUNT),
    )
