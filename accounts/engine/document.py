"""Policy documents: strict ``validate`` for saving, lenient ``load_stored`` for what is stored
already.

``validate`` refuses with every problem at once; ``load_stored`` never refuses and fails closed
instead.
"""

from __future__ import annotations

from typing import Any

from accounts.engine.model import Condition, Policy, PolicyDocument, Problem, Statement, Validation
from accounts.engine.reader import read_json
from accounts.engine.scopes import split_suggestion
from accounts.engine.stored import load_stored
from accounts.engine.validation import validate

__all__ = [
    "Condition",
    "Policy",
    "PolicyDocument",
    "Problem",
    "Statement",
    "Validation",
    "dump",
    "load_stored",
    "read_json",
    "split_suggestion",
    "validate",
]


def dump(document: PolicyDocument) -> dict[str, Any]:
    """The document as policy data again. Statements that exist only because something was
    unreadable are left out: they cannot be written in the language.
    """
    statements: list[dict[str, Any]] = []
    for statement in document.statements:
        if statement.unsafe or statement.never:
            continue
        entry: dict[str, Any] = {"Sid": statement.sid} if statement.sid else {}
        entry |= {"Effect": statement.effect, "Action": list(statement.actions)}
        if statement.resources is not None:
            entry["Resource"] = list(statement.resources)
        conditions: dict[str, dict[str, list[str]]] = {}
        for condition in statement.conditions:
            conditions.setdefault(condition.operator, {})[condition.key] = list(condition.values)
        if conditions:
            entry["Condition"] = conditions
        statements.append(entry)
    return {"Version": "1.1", "Statement": statements}
