"""Shared helpers: policies from plain data, and the vector files."""

import json
from pathlib import Path
from typing import Any

from accounts.engine import CompiledPolicies, Policy, Request, compile_policies, load_stored

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
ACCOUNT = "1000000001"


def statement(effect: str, actions: str | list[str], **extra: Any) -> dict[str, Any]:
    """``statement("Allow", "a:b:c", Resource=[...], Condition={...})``"""
    return {
        "Effect": effect,
        "Action": actions if isinstance(actions, list) else [actions],
        **extra,
    }


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1.1", "Statement": list(statements)}


def policy(source: Any, name: str = "p", **scope: Any) -> Policy:
    return Policy(id=name, version="1", name=name, document=load_stored(source), scope=scope)


def compiled(*sources: Any) -> CompiledPolicies:
    return compile_policies([policy(s, f"p{i}") for i, s in enumerate(sources)])


def request(action: str, resource: str | None = None, **context: Any) -> Request:
    return Request(action, resource, context, ACCOUNT)


def load_vectors() -> list[dict[str, Any]]:
    files = sorted(VECTORS.glob("v*.json"), key=lambda p: int(p.stem[1:]))
    return [json.loads(f.read_text(encoding="utf-8")) for f in files]
