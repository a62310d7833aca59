"""What pages and endpoints declare, asked by the kernel before their code runs.

A page about a resource type names a verb of its declaration per HTTP method, an endpoint writes the
same as ``resource:<verb>``. The row that the address names is looked up by what the actor may see
(else 404), and the verb is asked about that very row (else 403). Only then the handler runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core import access, registry, witness
from core.actor import Actor
from core.errors import AccessDenied, NotFound

#: in the place of a verb: the verb that the address names
BY_ADDRESS = "<verb>"
#: before an action: asked by the service about each thing that only the request's body names. The
#: kernel asks whether the row may be seen, and afterwards looks that the service did ask.
WITHIN = "within:"
#: verbs that read; a handler that changes something declares another one
READING = frozenset({"list", "get"})
#: HTTP methods that change something (RFC 9110, section 9.2.1)
CHANGING = frozenset({"post", "put", "patch", "delete"})
HANDLERS = ("get", *sorted(CHANGING))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered with yes; answers that go on ask it again."""

    actor: Actor
    action: str
    target: object = None
    context: Mapping[str, Any] | None = None

    def again(self) -> access.Decision:
        """Ask once more. Raises AccessDenied."""
        return access.authorize(self.actor, self.action, self.target, self.context)


def ask(
    actor: Actor,
    spec: registry.Declaration,
    verb: str,
    find: Callable[[], Any] | None = None,
) -> tuple[Any, Asked]:
    """The row that ``find`` returns (None without one), after ``verb`` was asked about it.

    ``verb`` is declared by ``spec``, or a full IAM action that is asked about the row. ``find``
    looks among the rows that the actor may see, which is the question of the verb that reads.

    Raises:
        NotFound: no such row to see, or no such verb.
        AccessDenied: seen, but the verb is refused.
    """
    obj = find() if find is not None else None
    if verb.startswith(WITHIN):
        return obj, Asked(actor, verb.removeprefix(WITHIN))
    if verb == "create":
        return obj, _create(actor, spec)
    declared = next((one for one in spec.verbs if one.name == verb), None)
    try:
        action = verb if ":" in verb else spec.action(verb)
    except KeyError:
        raise NotFound() from None
    if obj is None:
        asked = Asked(actor, action)
    elif declared is not None:
        target = access.about(actor, obj, own_only=declared.own_only, verb=verb)
        asked = Asked(actor, action, target)
    else:
        asked = Asked(actor, action, obj)
    if obj is None or action != spec.action(spec.model.READ_VERB):
        asked.again()
    return obj, asked


def _create(actor: Actor, spec: registry.Declaration) -> Asked:
    """Who may create under no name at all is refused. What is really created, with its name and
    its values, is asked about by ``core.services.create``."""
    if not may_create(actor, spec):
        decision = creating(actor, spec)
        if not decision.allowed:
            raise AccessDenied(decision)
    return Asked(actor, spec.action("create"), None, form_context(spec))


def may_create(actor: Actor, spec: registry.Declaration) -> bool:
    """Whether to offer a create button and its form: with the values a form starts with, or under
    a name that some policy covers. What is really created is decided again."""
    if "create" not in spec.actions:
        return False
    decision = creating(actor, spec)
    if access.held_back(decision):
        return False
    return decision.allowed or access.scope(actor, decision.action, spec.model).own is not None


def creating(actor: Actor, spec: registry.Declaration) -> access.Decision:
    """May the actor create one, with the values a form starts with?"""
    return access.decide(actor, spec.action("create"), context=form_context(spec))


def form_context(spec: registry.Declaration) -> dict[str, Any] | None:
    """Context keys to assume before anything was chosen in a create form."""
    known = getattr(spec.services, "form_context", None)
    return known() if known else None


@contextlib.contextmanager
def kept(rule: str) -> Iterator[Callable[[int], None]]:
    """Around a handler; what it gives takes the status of the answer.

    Raises RuntimeError: the rule promises that the service asks, and it did not.
    """
    with witness.witnessing() as asked:

        def check(status: int) -> None:
            promised = rule.removeprefix(WITHIN)
            if rule.startswith(WITHIN) and status < 400 and promised not in asked:
                raise RuntimeError(f"{promised} was not asked before this was answered.")

        yield check


def unknown(spec: registry.Declaration, verb: str) -> bool:
    """Whether ``spec`` declares no such verb."""
    if ":" in verb or verb == BY_ADDRESS:
        return False
    try:
        spec.action(verb)
    except KeyError:
        return True
    return False
