"""A second evaluator, written to be obviously right rather than fast.

It shares no code with ``accounts.engine`` (not even constants): it reads raw policy data on every
call, translates every pattern to a regular expression, and spells each operator out. Tests compare
the two.
"""

import datetime
import ipaddress
import re
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

UNKNOWN = "unknown"


def wildcard(pattern: str, text: str, *, inside: str = ".", question: bool = False) -> bool:
    """``*`` as any run of ``inside`` characters; ``?`` as one character when ``question``."""
    regex = ""
    for c in pattern:
        if c == "*":
            regex += f"{inside}*"
        elif c == "?" and question:
            regex += "."
        else:
            regex += re.escape(c)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def clean(path: str) -> str:
    """Decoded and resolved; raises ValueError above the root."""
    while unquote(path, errors="strict") != path:
        path = unquote(path, errors="strict")
    out: list[str] = []
    pieces = path.split("/")
    for piece in pieces:
        if piece in ("", "."):
            continue
        if piece == "..":
            if not out:
                raise ValueError(path)
            out.pop()
        else:
            out.append(piece)
    if not out:
        raise ValueError(path)
    tail = "/" if out and pieces[-1] in ("", ".", "..") else ""
    return "/".join(out) + tail


def action_covered(pattern: str, action: str) -> bool:
    if pattern == "*":
        pattern = "*:*:*"
    return wildcard(pattern.lower(), action.lower(), inside="[^:]")


def resource_covered(pattern: str, resource: str) -> bool:
    if pattern == "*":
        return True
    want, have = pattern.split(":", 4), resource.split(":", 4)
    heads = all(wildcard(w.lower(), h.lower()) for w, h in zip(want[:4], have[:4], strict=True))
    return heads and wildcard(clean(want[4]), clean(have[4]))


def values_of(context: dict[str, Any], key: str) -> list[str]:
    found: list[str] = []
    for name, value in context.items():
        if name.lower() == key.lower():
            for v in value if isinstance(value, list) else [value]:
                if v is not None:
                    found.append(str(v).lower() if isinstance(v, bool) else str(v))
    return found


def moment(text: str) -> float:
    if re.fullmatch("[0-9]{9,11}", text):
        return float(text)
    value = datetime.datetime.fromisoformat(text)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return value.timestamp()


def truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def compare(base: str, want: str, have: str) -> Any:
    """One request value against one policy value; UNKNOWN when either cannot be read."""
    try:
        if base == "stringequals":
            return want == have
        if base == "stringequalsignorecase":
            return want.casefold() == have.casefold()
        if base in ("stringlike", "stringmatch"):
            return wildcard(want, have, question=True)
        if base == "stringstartwith":
            return have.startswith(want)
        if base == "stringendwith":
            return have.endswith(want)
        if base == "bool":
            return truth(want) == truth(have)
        if base == "ipaddress":
            return ipaddress.ip_address(have) in ipaddress.ip_network(want, strict=False)
        number = base.startswith("number")
        a, b = (Fraction(have), Fraction(want)) if number else (moment(have), moment(want))
        order = base.removeprefix("number").removeprefix("date")
        return {
            "equals": a == b,
            "lessthan": a < b,
            "lessthanequals": a <= b,
            "greaterthan": a > b,
            "greaterthanequals": a >= b,
        }[order]
    except (KeyError, ValueError):
        return UNKNOWN


BASES = {
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "stringmatch",
    "stringstartwith",
    "stringendwith",
    "bool",
    "ipaddress",
    *(
        kind + order
        for kind in ("number", "date")
        for order in ("equals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals")
    ),
}


def some(answers: list[Any]) -> Any:
    return True if True in answers else UNKNOWN if UNKNOWN in answers else False


def every(answers: list[Any]) -> Any:
    return False if False in answers else UNKNOWN if UNKNOWN in answers else True


def opposite(answer: Any) -> Any:
    return answer if answer == UNKNOWN else not answer


def read_operator(operator: str) -> tuple[str, str, bool, bool] | None:
    """(qualifier, base, negated, if_exists), or None for an operator nobody knows."""
    qualifier, name = "", operator.lower()
    if ":" in name:
        qualifier, name = name.split(":", 1)
    optional = name.endswith("ifexists")
    name = name.removesuffix("ifexists").removesuffix("anyof")
    negated = "not" in name
    base = name.replace("not", "", 1)
    if base not in BASES or qualifier not in ("", "forallvalues", "foranyvalue"):
        return None
    return qualifier, base, negated, optional


def condition(operator: str, key: str, wanted: list[str], context: dict[str, Any]) -> Any:
    have = values_of(context, key)
    if operator.lower() == "null":
        return truth(wanted[0]) == (not have)
    parts = read_operator(operator)
    if parts is None or not wanted:
        return UNKNOWN
    qualifier, base, negated, optional = parts
    if not have:
        return optional or qualifier == "forallvalues" or (negated and qualifier == "")
    per_value = []
    for value in have:
        hit = some([compare(base, w, value) for w in wanted])
        per_value.append(opposite(hit) if negated else hit)
    if qualifier == "forallvalues" or (negated and not qualifier):
        return every(per_value)
    return some(per_value)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def applies(statement: dict[str, Any], action: str, resource: str | None, context: Any) -> bool:
    deny = statement["Effect"].lower() == "deny"
    if not any(action_covered(p, action) for p in as_list(statement["Action"])):
        return False
    if "Resource" in statement:
        patterns = as_list(statement["Resource"])
        service, kind, _ = action.lower().split(":")
        # "No particular resource" is every resource of the action's type, whatever its name.
        if resource is None:
            full = [p for p in patterns if p == "*" or p.split(":", 4)[4] == "*"]
            named = [p.split(":", 4) for p in full if p != "*"]
            if "*" not in full and not any(
                wildcard(s.lower(), service) and r == "*" and a == "*" and wildcard(t.lower(), kind)
                for s, r, a, t, _ in named
            ):
                return False
        elif not any(resource_covered(p, resource) for p in patterns):
            return False
    answers = [
        condition(operator, key, [str(v) for v in as_list(wanted)], context)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    ]
    verdict = every(answers)
    return deny if verdict == UNKNOWN else bool(verdict)


def decide(
    documents: list[dict[str, Any]],
    action: str,
    resource: str | None,
    context: dict[str, Any],
    account: str,
) -> str:
    """``allow``, ``explicit_deny`` or ``implicit_deny`` for raw policy documents."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+){2}", action):
        return "explicit_deny"
    if resource is not None:
        try:
            clean(resource.split(":", 4)[4])
        except ValueError:
            return "explicit_deny"
        if resource.split(":")[0].lower() != action.split(":")[0].lower():
            return "explicit_deny"
    allowed = False
    for document in documents:
        statements = document["Statement"]
        broken = [s for s in statements if "NotAction" in s and s["Effect"].lower() == "deny"]
        if broken:
            for s in broken:
                if not any(action_covered(p, action) for p in as_list(s["NotAction"])):
                    return "explicit_deny"
            for s in statements:
                if any(action_covered(p, action) for p in as_list(s.get("Action", []))):
                    return "explicit_deny"
            continue
        for s in statements:
            if "NotAction" in s or not applies(s, action, resource, context):
                continue
            if s["Effect"].lower() == "deny":
                return "explicit_deny"
            if not any(unknown_operator(o) for o in s.get("Condition", {})):
                allowed = True
    if resource is not None and resource.split(":")[2] != account:
        return "implicit_deny"
    return "allow" if allowed else "implicit_deny"


def unknown_operator(operator: str) -> bool:
    return operator.lower() != "null" and read_operator(operator) is None
