"""Idempotency-Key on POST: the same key and body give the first answer again, for 24 hours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from console import messages, once
from core import sealed
from core.errors import Conflict, ValidationFailed
from core.models import IdempotencyRecord

#: shown in the first answer and kept nowhere: a repeated request is answered without them
SHOWN_ONCE = frozenset({"initial_password", "token"})
_KEY = re.compile(r"^[\x21-\x7e]{1,100}\Z")

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Wrap a POST handler of a view. Without the header nothing changes; with it the handler runs
    in the transaction that takes the key (``console.once``).

    Raises:
        ValidationFailed: the key is malformed. Conflict: same key with another body, or the first
        request does not end.
    """

    @wraps(handler)
    def wrapped(self: Any, request: Any, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        actor = request._request.actor
        if not key or actor.user_id is None:
            return handler(self, request, *args, **kwargs)
        if not _KEY.match(key):
            raise ValidationFailed.of("Idempotency-Key", messages.IDEMPOTENCY_KEY())
        raw = request._request.body
        print_of = hashlib.sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()

        def first(row: IdempotencyRecord) -> Response:
            response = handler(self, request, *args, **kwargs)
            row.status = response.status_code
            kept = _kept(json.loads(json.dumps(response.data, cls=JSONEncoder)))
            row.body = sealed.seal(json.dumps(kept), _about(row))
            row.headers = {
                name: response[name] for name in ("ETag", "Location") if response.has_header(name)
            }
            return response

        response, row = once.answer(actor, f"api:{key}", print_of, first)
        if response is not None:
            return response
        answer = _again(row, print_of)
        if may_repeat := getattr(self, "may_repeat", None):
            may_repeat(answer.data)  # rights are those of now, not those of the first request
        return answer

    return wrapped


def _kept(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name not in SHOWN_ONCE}


def _about(row: IdempotencyRecord) -> str:
    """An answer may hold contact data, which are kept sealed."""
    return f"core.idempotencyrecord:{row.user_id}:{row.key}"


def _again(row: IdempotencyRecord, print_of: str) -> Response:
    if row.fingerprint != print_of:
        raise Conflict(messages.IDEMPOTENCY_MISMATCH())
    try:
        body = json.loads(sealed.unseal(str(row.body), _about(row)))
    except sealed.Unsealable:
        raise Conflict(messages.IDEMPOTENCY_UNREADABLE()) from None
    response = Response(body, status=row.status)
    for name, value in row.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
