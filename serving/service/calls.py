"""Which call of a service a page makes and shows."""

from __future__ import annotations

from typing import Any

MAX_BODY = 12 * 1024 * 1024  # of a call from a page; scripts ask the gateway, which has its own
MAX_FILE = MAX_BODY - 4096  # the rest is for the headers of the parts


def called(config: dict[str, Any]) -> tuple[str, str]:
    """Method and path of the first of ``apis``; the model servers of engines answer POST / alone,
    whatever a package says."""
    apis = config.get("apis") or []
    if config.get("model_type") != "Custom" or not apis:
        return "POST", "/"
    return apis[0]["method"], apis[0]["url"]
