"""What every refusal owes: the status of a mistake of the caller, and one shape of body."""

from __future__ import annotations

import json
from typing import Any

KEYS = {"error_code", "error_msg", "request_id"}


def refusal(answer: Any, *statuses: int) -> dict[str, Any]:
    """The body of an API's refusal, checked: status, content type, keys, words."""
    content = getattr(answer, "body", None) or answer.content
    assert 400 <= answer.status_code < 500, (answer.status_code, content[:500])
    assert not statuses or answer.status_code in statuses, (answer.status_code, content[:500])
    assert answer["Content-Type"] == "application/json", answer["Content-Type"]
    body: dict[str, Any] = json.loads(content)
    assert set(body) >= KEYS, body
    assert body["error_code"].replace("_", "").isupper(), body
    assert len(body["error_msg"]) > 5 and "Traceback" not in body["error_msg"], body
    assert body["request_id"] == answer["X-Request-Id"]
    for problem in body.get("problems", ()):
        assert set(problem) == {"field", "code", "text", "next"}, problem
        assert problem["text"], problem
    return body


def page(answer: Any, *statuses: int) -> str:
    """The text of a refusing page, checked: status, HTML, a heading; then the problems of a form
    that came back filled in, or the request's id."""
    text: str = answer.content.decode()
    assert answer.status_code in (statuses or range(400, 500)), (answer.status_code, text[:500])
    assert answer["Content-Type"].startswith("text/html"), answer["Content-Type"]
    assert "<h1" in text and ("data-problem-summary" in text or answer["X-Request-Id"] in text), (
        text
    )
    return text
