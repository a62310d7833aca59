"""Idempotency-Key on POST: the same key and body give the first answer again, for 24 hours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.response import Response

from core.errors import Conflict, ValidationFailed
from core.models import IdempotencyRecord

#: shown in the first answer and kept nowhere: a repeated request is answered without them
SHOWN_ONCE = frozenset({"initial_password", "token"})
_KEY = re.compile(r"^[\x21-\x7e]{1,100}$")

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Wrap a POST handler of a view. Without the header nothing changes.

    Raises:
        ValidationFailed: the key is malformed. Conflict: same key with another body, or the first
        request still runs.
    """

    @wraps(handler)
    def wrapped(self: Any, request: Any, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        actor = request._request.actor
        if not key or actor.user_id is None:
            return handler(self, request, *args, **kwargs)
        if not _KEY.match(key):
            raise ValidationFailed.of(
                "Idempotency-Key", "Use 1 to 100 visible ASCII characters without blanks."
            )
        raw = request._request.body
        print_of = hashlib.sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()
        try:
            with transaction.atomic():
                record = IdempotencyRecord.objects.create(
                    user_id=actor.user_id, key=f"api:{key}", fingerprint=print_of
                )
        except IntegrityError:
            return _again(actor.user_id, key, print_of)
        try:
            response = handler(self, request, *args, **kwargs)
        except BaseException:
            record.delete()  # nothing happened, so the key may be used again
            raise
        record.status = response.status_code
        record.body = _kept(_plain(response.data))
        record.headers = {
            name: response[name] for name in ("ETag", "Location") if response.has_header(name)
        }
        record.save(update_fields=["status", "body", "headers"])
        return response

    return wrapped


def _plain(data: Any) -> Any:
    import json

    from rest_framework.utils.encoders import JSONEncoder

    return json.loads(json.dumps(data, cls=JSONEncoder))


def _kept(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name not in SHOWN_ONCE}


def _again(user_id: Any, key: str, print_of: str) -> Response:
    record = IdempotencyRecord.objects.filter(user_id=user_id, key=f"api:{key}").first()
    if record is None or record.status == 0:
        raise Conflict(
            "The first request with this Idempotency-Key is still running.",
            code="IDEMPOTENCY_IN_PROGRESS",
            hint="Send it again in a moment to get the first answer.",
        )
    if record.fingerprint != print_of:
        raise Conflict(
            "This Idempotency-Key was used for another request.",
            code="IDEMPOTENCY_MISMATCH",
            hint="Use a new key for a new request.",
        )
    response = Response(record.body, status=record.status)
    for name, value in record.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
