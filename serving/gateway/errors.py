"""The one error of the gateway: becomes ``{error_code, error_msg, request_id, ...}``."""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """Status, stable code and sentence of a failed call.

    ``close`` ends the connection after the answer, for bodies that were not read to the end.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra or {}
        self.headers = headers or {}
        self.close = close
