"""How an attempt ends early: a stable reason code with a sentence that says what to do."""

from __future__ import annotations


class Failure(Exception):
    """Ends the attempt as failed. `code`: a reason code of docs/mechanisms/runner.md."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Stopped(Exception):
    """The user, the platform or a newer attempt asked for the end."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)
