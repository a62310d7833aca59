"""Condition operators of policy language 1.1, compiled to functions of a request's context.

Every test answers True, False or None. None means "cannot be decided" (a value that does not read
as the operator's type, an unknown operator): a Deny then applies, an Allow does not. Answers
combine by Kleene's rules (False beats None in AND, True beats None in OR), so the order of
conditions never matters.

Names: ``[ForAllValues:|ForAnyValue:]<Base>[AnyOf][IfExists]``, compared without case. Sources:
ModelArts best practices table 2-4 and 2.3.6-2.3.7; the vendor's policy syntax and SCP operator
pages; AWS where they are silent (a missing key under a negated operator, set qualifiers).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from accounts import grammar
from accounts.engine.matching import MalformedPath, folder_path, like
from accounts.engine.model import Condition
from core.codes import Code, Message

T = TypeVar("T")
Values = tuple[str, ...]
Context = Mapping[str, Values]
Test = Callable[[Context], bool | None]
Matcher = Callable[[str], bool | None]
Builder = Callable[[Values], Matcher]
Convert = Callable[[str], str]

ContextValue = str | bool | int | float | Sequence[str | bool | int | float] | None

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{9,11}", re.ASCII)


def normalise_context(context: Mapping[str, ContextValue]) -> dict[str, Values]:
    """Context with lower-case keys and tuples of strings. Absent, None and empty lists are all
    "missing".

    Two spellings of one key are merged, so that neither can hide the other.
    """
    result: dict[str, Values] = {}
    for key, value in context.items():
        values: Values
        if isinstance(value, str):
            values = (value,)
        elif value is None:
            continue
        elif isinstance(value, bool | int | float):
            values = (scalar(value),)
        else:
            values = tuple(v if isinstance(v, str) else scalar(v) for v in value)
            if not values:
                continue
        name = key.lower()
        result[name] = result[name] + values if name in result else values
    return result


def scalar(value: object) -> str:
    """A JSON scalar as condition text: ``false`` and ``"False"`` compare equal under Bool."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(maxsize=4096)
def parse_number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=4096)
def parse_date(text: str) -> float | None:
    """Seconds since 1970 from ISO 8601 (UTC when no offset is given) or from epoch seconds."""
    if _EPOCH.fullmatch(text):
        return float(text)
    if len(text) > 40 or not text.isascii():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=4096)
def parse_network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address; IPv4 written as IPv6 (``::ffff:10.0.0.1``) counts as the IPv4 address it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def parse_bool(text: str) -> bool | None:
    lowered = text.lower() if text.isascii() else ""
    return True if lowered == "true" else False if lowered == "false" else None


def _equals(values: Values) -> Matcher:
    wanted = frozenset(values)
    return lambda actual: actual in wanted


def _equals_ignoring_case(values: Values) -> Matcher:
    wanted = frozenset(v.casefold() for v in values)
    return lambda actual: actual.casefold() in wanted


def _like(values: Values) -> Matcher:
    return lambda actual: any(like(v, actual) for v in values)


def _starts(values: Values) -> Matcher:
    return lambda actual: actual.startswith(values)


def _ends(values: Values) -> Matcher:
    return lambda actual: actual.endswith(values)


def _any(answers: Sequence[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _ordered(parse: Callable[[str], T | None], compare: Callable[[T, T], bool]) -> Builder:
    def build(values: Values) -> Matcher:
        wanted = [parse(v) for v in values]

        def match(actual: str) -> bool | None:
            value = parse(actual)
            if value is None:
                return None
            return _any([None if w is None else compare(value, w) for w in wanted])

        return match

    return build


def _ip(values: Values) -> Matcher:
    networks = [parse_network(v) for v in values]

    def match(actual: str) -> bool | None:
        address = parse_address(actual)
        if address is None:
            return None
        return _any([None if n is None else address in n for n in networks])

    return match


@dataclass(frozen=True, slots=True)
class Operator:
    """A base operator: how it compares, whether it is negated, and what its values must read as."""

    name: str
    build: Builder
    kind: str
    negated: bool = False
    any_of: bool = True


def _catalogue() -> dict[str, Operator]:
    found: list[Operator] = []

    def add(
        name: str, negative: str | None, build: Builder, kind: str, any_of: bool = True
    ) -> None:
        found.append(Operator(name, build, kind, False, any_of))
        if negative:
            found.append(Operator(negative, build, kind, True, any_of))

    add("StringEquals", "StringNotEquals", _equals, "string")
    add("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _equals_ignoring_case, "string")
    add("StringLike", "StringNotLike", _like, "string")
    add("StringMatch", "StringNotMatch", _like, "string")
    add("StringStartWith", "StringNotStartWith", _starts, "string")
    add("StringEndWith", "StringNotEndWith", _ends, "string")
    number = _ordered(parse_number, lambda a, b: a == b)
    for prefix in ("Number", "Numeric"):
        add(f"{prefix}Equals", f"{prefix}NotEquals", number, "number")
        add(f"{prefix}LessThan", None, _ordered(parse_number, lambda a, b: a < b), "number")
        add(f"{prefix}LessThanEquals", None, _ordered(parse_number, lambda a, b: a <= b), "number")
        add(f"{prefix}GreaterThan", None, _ordered(parse_number, lambda a, b: a > b), "number")
        add(
            f"{prefix}GreaterThanEquals",
            None,
            _ordered(parse_number, lambda a, b: a >= b),
            "number",
        )
    add("DateEquals", "DateNotEquals", _ordered(parse_date, lambda a, b: a == b), "date")
    add("DateLessThan", None, _ordered(parse_date, lambda a, b: a < b), "date")
    add("DateLessThanEquals", None, _ordered(parse_date, lambda a, b: a <= b), "date")
    add("DateGreaterThan", None, _ordered(parse_date, lambda a, b: a > b), "date")
    add("DateGreaterThanEquals", None, _ordered(parse_date, lambda a, b: a >= b), "date")
    add("Bool", None, _ordered(parse_bool, lambda a, b: a == b), "bool", any_of=False)
    add("IpAddress", "NotIpAddress", _ip, "ip")
    return {operator.name.lower(): operator for operator in found}


OPERATORS: Mapping[str, Operator] = _catalogue()
PRESENCE = {"null": "Null", "isnullorempty": "IsNullOrEmpty"}
QUALIFIERS = {"forallvalues": "ForAllValues", "foranyvalue": "ForAnyValue"}


@dataclass(frozen=True, slots=True)
class OperatorName:
    """A parsed operator name. ``base`` is None for the presence operators (Null, IsNullOrEmpty)."""

    text: str
    base: Operator | None
    qualifier: str = ""
    if_exists: bool = False

    @property
    def kind(self) -> str:
        return self.base.kind if self.base else "bool"


@lru_cache(maxsize=1024)
def parse_operator(text: str) -> OperatorName | None:
    """``text`` as an operator with its canonical spelling, or None for an unknown one."""
    if not text.isascii() or len(text) > 80:
        return None
    rest = text.lower()
    if rest in PRESENCE:
        return OperatorName(PRESENCE[rest], None)
    qualifier, colon, tail = rest.partition(":")
    if colon:
        if qualifier not in QUALIFIERS:
            return None
        qualifier, rest = QUALIFIERS[qualifier], tail
    else:
        qualifier = ""
    if_exists = rest.endswith("ifexists")
    rest = rest.removesuffix("ifexists")
    any_of = rest.endswith("anyof")
    base = OPERATORS.get(rest.removesuffix("anyof"))
    if base is None or (any_of and not base.any_of):
        return None
    name = (
        (f"{qualifier}:" if qualifier else "")
        + base.name
        + ("AnyOf" if any_of else "")
        + ("IfExists" if if_exists else "")
    )
    return OperatorName(name, base, qualifier, if_exists)


def operator_names() -> list[str]:
    """Every base name, for suggestions and the visual editor."""
    return [operator.name for operator in OPERATORS.values()] + list(PRESENCE.values())


def value_problem(kind: str, value: str) -> Message | None:
    """Why ``value`` cannot stand under an operator of ``kind``; None when it can."""
    readers: dict[str, tuple[Callable[[str], object], Code]] = {
        "number": (parse_number, grammar.VALUE_NUMBER),
        "date": (parse_date, grammar.VALUE_DATE),
        "bool": (parse_bool, grammar.VALUE_BOOL),
        "ip": (parse_network, grammar.VALUE_IP),
    }
    if kind not in readers:
        return None
    read, rule = readers[kind]
    return None if read(value) is not None else rule()


def _presence(name: str, key: str, values: Values) -> Test:
    wanted = [parse_bool(v) for v in values]
    if len(set(wanted)) != 1 or wanted[0] is None:
        return _undecidable
    expect_missing = wanted[0]
    if name == "Null":
        return lambda context: (key not in context) is expect_missing
    return lambda context: (not any(context.get(key, ()))) is expect_missing


#: keys whose values are names of tags, which are one name however they are written
NAMES = frozenset({"g:tagkeys"})


def _undecidable(_context: Context) -> bool | None:
    return None


def compile_condition(condition: Condition, path_keys: frozenset[str] = frozenset()) -> Test:
    """A function from normalised context to True, False or None for one condition line.

    ``path_keys`` are the (lower-case) keys whose values are folder paths and compare after
    normalisation.
    """
    operator = parse_operator(condition.operator)
    key = condition.key.lower()
    if operator is None or not condition.values:
        return _undecidable
    if operator.base is None:
        return _presence(operator.text, key, condition.values)
    convert: Convert | None = None
    values = condition.values
    if key in path_keys:
        convert = folder_path
        try:
            values = tuple(folder_path(v) for v in values)
        except MalformedPath:
            return _undecidable
    elif key in NAMES:
        convert = str.lower
        values = tuple(str(v).lower() for v in values)
    matcher = operator.base.build(values)
    if convert is not None:
        matcher = _converted(matcher, convert)
    return _over_values(operator, key, matcher)


def _converted(matcher: Matcher, convert: Convert) -> Matcher:
    def match(actual: str) -> bool | None:
        try:
            return matcher(convert(actual))
        except MalformedPath:
            return None

    return match


def _over_values(operator: OperatorName, key: str, matcher: Matcher) -> Test:
    """How one comparison is applied to a key that is missing, has one value, or has several."""
    assert operator.base is not None
    negated = operator.base.negated
    # A negated operator holds for a missing key (AWS rule, ruling V7); ForAllValues holds for no
    # values.
    missing = (
        operator.if_exists
        or operator.qualifier == "ForAllValues"
        or (negated and operator.qualifier != "ForAnyValue")
    )
    need_all = operator.qualifier == "ForAllValues" or (negated and not operator.qualifier)

    def test(context: Context) -> bool | None:
        actual = context.get(key)
        if actual is None:
            return missing
        if len(actual) == 1:
            answer = matcher(actual[0])
            return answer if answer is None or not negated else not answer
        answers = [matcher(v) for v in actual]
        if negated:
            answers = [None if a is None else not a for a in answers]
        if need_all:
            return False if False in answers else None if None in answers else True
        return _any(answers)

    return test
