"""Global and project-level services never share a policy (ModelArts best practices 2.2.1, example
3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import grammar
from accounts.engine.catalog import Catalog, Scope, default_catalog
from accounts.engine.matching import action_pattern, glob
from accounts.engine.model import POLICY_VERSION, Problem
from accounts.engine.stored import as_list


def scopes_of(pattern: str, catalog: Catalog) -> frozenset[Scope]:
    """The scopes an action pattern reaches. A service segment of ``*`` alone says "whatever the
    service is" and takes no side (ruling V2f: ``*`` is legal), so it reaches none.
    """
    wanted = action_pattern(pattern)
    if wanted is None:
        return frozenset()
    head = wanted.split(":")[0]
    if head == "*":
        return frozenset()
    return frozenset(s.scope for name, s in catalog.services.items() if glob(head, name))


def check_scopes(actions: list[tuple[str, str]], catalog: Catalog) -> list[Problem]:
    """One problem naming the split when (path, pattern) pairs mix scopes; one per pattern that is
    itself both.
    """
    problems: list[Problem] = []
    first: dict[Scope, tuple[str, str]] = {}
    for path, pattern in actions:
        scopes = scopes_of(pattern, catalog)
        if len(scopes) > 1:
            problems.append(
                Problem(
                    path,
                    pattern,
                    grammar.MIXED_PATTERN(),
                    "mixed_pattern",
                )
            )
            continue
        for scope in scopes:
            first.setdefault(scope, (path, pattern))
    if len(first) == 2:
        path, _ = first["project"]
        problems.append(
            Problem(
                path,
                grammar.BOTH_SCOPES(one=first["global"][1], other=first["project"][1]),
                grammar.MIXED_SCOPE(),
                "mixed_scope",
            )
        )
    return problems


def split_suggestion(
    source: Mapping[str, Any], catalog: Catalog | None = None
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The same rights as two policies, (global, project), or None when there is nothing to split.

    Statements keep their order and conditions. A ``*`` pattern, which takes no side, goes into
    both; attaching both policies decides every request exactly as the one did.
    """
    catalog = catalog or default_catalog()
    halves: dict[Scope, list[dict[str, Any]]] = {"global": [], "project": []}
    found: set[Scope] = set()
    for statement in as_list(source.get("Statement")):
        if not isinstance(statement, Mapping):
            return None
        listed = [a for a in as_list(statement.get("Action")) if isinstance(a, str)]
        sides = [(a, scopes_of(a, catalog)) for a in listed]
        if any(len(scopes) > 1 for _, scopes in sides):
            return None
        for side, statements in halves.items():
            kept = [a for a, scopes in sides if not scopes or side in scopes]
            if any(scopes for a, scopes in sides if a in kept):
                found.add(side)
            if kept:
                statements.append(_part(statement, kept, side, catalog))
    if len(found) < 2:
        return None
    return (
        {"Version": POLICY_VERSION, "Statement": halves["global"]},
        {"Version": POLICY_VERSION, "Statement": halves["project"]},
    )


def _part(
    statement: Mapping[str, Any], actions: list[str], side: Scope, catalog: Catalog
) -> dict[str, Any]:
    part = {**statement, "Action": actions}
    if "Resource" in statement:
        resources = [r for r in as_list(statement["Resource"]) if isinstance(r, str)]
        own = [r for r in resources if r == "*" or side in scopes_of(f"{_head(r)}:*:*", catalog)]
        # Without a resource of this side the actions would match nothing; keep the list as it was.
        part["Resource"] = own or resources
    return part


def _head(resource: str) -> str:
    return resource.split(":", 1)[0]
