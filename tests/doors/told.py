"""A WSGI application that tells what it was told. MODELYARD_TEST_PROXIES names trusted proxies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from core.proxies import Believing, Proxies


def tell(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = json.dumps({k: v for k, v in environ.items() if isinstance(v, str | bool)}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


application = Believing(
    tell, Proxies([one for one in os.environ["MODELYARD_TEST_PROXIES"].split(",") if one])
)
