"""Every operator family, one row per rule: present, missing, several values, unreadable values."""

import pytest

from accounts.engine.conditions import (
    OPERATORS,
    ContextValue,
    compile_condition,
    normalise_context,
    parse_date,
    parse_operator,
)
from accounts.engine.model import Condition

ROWS = [
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a"], "A", False),
    ("StringEqualsIgnoreCase", ["Straße"], "STRASSE", True),
    ("StringNotEqualsIgnoreCase", ["a"], "A", False),
    ("StringLike", ["te?m*"], "team-x", True),
    ("StringLike", ["te?m"], "tem", False),
    ("StringMatch", ["*x"], "aax", True),
    ("StringNotMatch", ["*x"], "aax", False),
    ("StringNotLike", ["b*"], "ab", True),
    ("StringStartWith", ["ab"], "abc", True),
    ("StringStartWithAnyOf", ["x", "ab"], "abc", True),
    ("StringNotStartWith", ["ab"], "abc", False),
    ("StringEndWith", ["bc"], "abc", True),
    ("StringEndWithIfExists", ["bc"], "ab", False),
    ("StringNotEndWith", ["bc"], "abc", False),
    ("NumberEquals", ["10"], "10.0", True),
    ("NumericEquals", ["10"], "10.0", True),
    ("NumberNotEquals", ["10", "11"], "11", False),
    ("NumberLessThan", ["10"], "9", True),
    ("NumberLessThan", ["10"], "10", False),
    ("NumberLessThanEquals", ["10"], "10", True),
    ("NumberGreaterThan", ["10"], "100", True),
    ("NumberGreaterThanEquals", ["-1"], "-1", True),
    ("NumberEquals", ["10"], "١٠", None),
    ("NumberEquals", ["10"], "nan", None),
    ("NumberEquals", ["10"], "1e1", None),
    ("NumberEquals", ["ten"], "10", None),
    ("NumberEqualsAnyOf", ["ten", "10"], "10", True),
    ("NumberNotEquals", ["ten", "10"], "11", None),
    ("DateEquals", ["2027-01-01T00:00:00Z"], "2027-01-01T08:00:00+08:00", True),
    ("DateNotEquals", ["2027-01-01"], "2027-01-02", True),
    ("DateLessThan", ["2027-01-01T00:00:00Z"], "2026-12-31T23:59:59Z", True),
    ("DateLessThanEquals", ["2027-01-01"], "2027-01-01T00:00:00Z", True),
    ("DateGreaterThan", ["2027-01-01"], "1900000000", True),
    ("DateGreaterThanEquals", ["2027-01-01"], "2026-12-31", False),
    ("DateEquals", ["2027-01-01"], "tomorrow", None),
    ("Bool", ["true"], "TRUE", True),
    ("Bool", ["true"], "false", False),
    ("Bool", ["true"], "yes", None),
    ("IpAddress", ["10.0.0.0/8", "192.168.1.1"], "192.168.1.1", True),
    ("IpAddress", ["10.0.0.0/8"], "11.0.0.1", False),
    ("IpAddress", ["10.0.0.0/8"], "::ffff:10.1.2.3", True),
    ("IpAddress", ["2001:db8::/32"], "2001:db8::5", True),
    ("IpAddress", ["10.0.0.0/8"], "2001:db8::5", False),
    ("NotIpAddress", ["10.0.0.0/8"], "10.1.1.1", False),
    ("IpAddress", ["10.0.0.0/8"], "10.0.0", None),
    ("Null", ["true"], "x", False),
    ("Null", ["false"], "x", True),
    ("IsNullOrEmpty", ["true"], "", True),
    ("IsNullOrEmpty", ["true"], "x", False),
    ("IsNullOrEmpty", ["false"], "x", True),
]


def decide(operator: str, wanted: list[str], context: dict[str, ContextValue]) -> bool | None:
    test = compile_condition(Condition(operator, "g:Key", tuple(wanted)))
    return test(normalise_context(context))


@pytest.mark.parametrize(("operator", "wanted", "actual", "expected"), ROWS)
def test_one_value(operator: str, wanted: list[str], actual: str, expected: bool | None) -> None:
    assert decide(operator, wanted, {"G:KEY": actual}) is expected
    assert decide(operator.upper(), wanted, {"g:key": [actual]}) is expected


@pytest.mark.parametrize("name", [o.name for o in OPERATORS.values()])
def test_missing_key(name: str) -> None:
    """Positive and ForAnyValue: no match. Negated, IfExists and ForAllValues: match."""
    operator = parse_operator(name)
    assert operator is not None and operator.base is not None
    value = {"number": "1", "date": "2027-01-01", "bool": "true", "ip": "10.0.0.1"}
    wanted = [value.get(operator.kind, "x")]
    for context in ({}, {"g:Key": None}, {"g:Key": []}):
        assert decide(name, wanted, context) is operator.base.negated
        assert decide(name + "IfExists", wanted, context) is True
        assert decide("ForAllValues:" + name, wanted, context) is True
        assert decide("ForAnyValue:" + name, wanted, context) is False
        assert decide(f"ForAnyValue:{name}IfExists", wanted, context) is True
    assert decide("Null", ["true"], {}) is True
    assert decide("Null", ["false"], {"g:Key": []}) is False
    assert decide("IsNullOrEmpty", ["true"], {}) is True


def test_several_values() -> None:
    two = {"g:Key": ["a", "x"]}
    assert decide("StringEquals", ["a"], two) is True
    assert decide("StringNotEquals", ["a"], two) is False
    assert decide("StringNotEquals", ["b"], two) is True
    assert decide("ForAllValues:StringEquals", ["a"], two) is False
    assert decide("ForAllValues:StringEquals", ["a", "x"], two) is True
    assert decide("ForAnyValue:StringNotEquals", ["a"], two) is True
    assert decide("ForAllValues:StringNotEquals", ["b"], two) is True
    assert decide("ForAllValues:StringNotEquals", ["a"], two) is False


def test_undecidable_values_combine_by_kleene() -> None:
    mixed = {"g:Key": ["5", "five"]}
    assert decide("ForAnyValue:NumberEquals", ["5"], mixed) is True
    assert decide("ForAnyValue:NumberEquals", ["6"], mixed) is None
    assert decide("ForAllValues:NumberEquals", ["5"], mixed) is None
    assert decide("ForAllValues:NumberEquals", ["6"], mixed) is False
    assert decide("NumberNotEquals", ["5"], mixed) is False


@pytest.mark.parametrize(
    "name",
    [
        "StringEqual",
        "NullIfExists",
        "ForAnyValue:Null",
        "BoolAnyOf",
        "ForSome:StringEquals",
        "IfExists",
        "AnyOf",
        "",
        "StringEqualsIfExistsIfExists",
        "StringЕquals",
    ],
)
def test_unknown_operators(name: str) -> None:
    assert parse_operator(name) is None
    assert decide(name, ["a"], {"g:Key": "a"}) is None


def test_operator_names_are_canonical() -> None:
    found = parse_operator("foranyvalue:stringequalsanyofifexists")
    assert found is not None
    assert found.text == "ForAnyValue:StringEqualsAnyOfIfExists"


def test_two_spellings_of_a_key_are_merged() -> None:
    assert normalise_context({"g:A": "1", "G:a": ["2", True]}) == {"g:a": ("1", "2", "true")}


def test_dates_without_offset_are_utc() -> None:
    assert parse_date("2027-01-01T00:00:00") == parse_date("2027-01-01T00:00:00Z")
