"""Wildcards and paths, compared with regular expressions and with hand-picked hard cases."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.engine.filters import remainders
from accounts.engine.matching import (
    MalformedPath,
    action_pattern,
    folder_path,
    glob,
    is_action,
    like,
    normalise_path,
    parse_resource,
    resource_pattern,
)

from .strategies import EXAMPLES

letters = st.text("ab*?/[%_\\", max_size=12)


def by_regex(pattern: str, text: str, question: bool) -> bool:
    regex = "".join(
        ".*" if c == "*" else "." if c == "?" and question else re.escape(c) for c in pattern
    )
    return re.fullmatch(regex, text, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a*b*b", "ab", False),
        ("a*b*b", "abb", True),
        ("a*bc*c", "abc", False),
        ("*a*a*", "a", False),
        ("*", "", True),
        ("**", "", True),
        ("", "", True),
        ("a*", "", False),
    ],
)
def test_pieces_of_a_pattern_never_overlap(pattern: str, text: str, expected: bool) -> None:
    assert glob(pattern, text) is expected
    assert like(pattern + "?", text + "x") is expected


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(letters, letters)
def test_wildcards_equal_their_regular_expression(pattern: str, text: str) -> None:
    assert glob(pattern, text) is by_regex(pattern, text, question=False)
    assert like(pattern, text) is by_regex(pattern, text, question=True)


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(st.text("ab*/", max_size=8), st.text("ab/", max_size=5), st.text("ab/", max_size=6))
def test_remainders_continue_the_pattern(pattern: str, prefix: str, rest: str) -> None:
    left = remainders(pattern, prefix)
    assert any(glob(p, rest) for p in left) is glob(pattern, prefix + rest)


def test_many_stars_stay_fast() -> None:
    """A pattern that takes a backtracking matcher exponential time."""
    pattern, text = "*a" * 40 + "b", "a" * 4000
    assert not glob(pattern, text)
    assert not like("?" + pattern, text)


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("a/b", "a/b"),
        ("a//b", "a/b"),
        ("a/./b", "a/b"),
        ("a/b/../c", "a/c"),
        ("./a", "a"),
        ("a/", "a/"),
        ("a/.", "a/"),
        ("/a", "/a"),
        ("%61/b", "a/b"),
        ("a%2fb", "a/b"),
        ("%25%36%31", "a"),
        ("50%.csv", "50%.csv"),
        (".hidden", ".hidden"),
        ("a/...", "a/..."),
        ("a/..b", "a/..b"),
        ("%E4%BD%A0", "你"),
    ],
)
def test_paths_have_one_spelling(written: str, clean: str) -> None:
    assert normalise_path(written) == clean
    assert normalise_path(clean) == clean


@pytest.mark.parametrize(
    "path",
    ["..", "a/../..", "%2e%2e/a", "a%00b", "a\nb", "%ff", "x" * 3000, "%" + "25" * 12 + "41"],
)
def test_paths_that_hide_something_are_malformed(path: str) -> None:
    with pytest.raises(MalformedPath):
        normalise_path(path)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(st.text("ab./%2eEfF5", max_size=20))
def test_normalising_twice_changes_nothing(path: str) -> None:
    try:
        clean = normalise_path(path)
    except MalformedPath:
        return
    assert normalise_path(clean) == clean
    assert ".." not in clean.split("/")


def test_folders_lose_the_trailing_slash() -> None:
    assert folder_path("/p1/") == folder_path("//p1") == folder_path("/p1/./") == "/p1"
    assert folder_path("/") == "/"


@pytest.mark.parametrize(
    "text",
    ["", "a:b", "a:b:c:d", "a:b:c ", " a:b:c", "a:b:", "*:b:c", "a:b:c\n", "a:b:\u0441", "ａ:b:c"],
)
def test_what_is_no_action(text: str) -> None:
    assert not is_action(text)


def test_action_patterns() -> None:
    assert action_pattern("*") == "*:*:*"
    assert action_pattern("ModelArts:Note*:GET") == "modelarts:note*:get"
    assert action_pattern("modelarts:*") is None
    assert action_pattern("a" * 300 + ":b:c") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "obs",
        "obs:r:a:object",
        "obs:r::object:k",
        ":r:a:object:k",
        "obs:*:a:object:k",
        "obs:r:a:object:",
        "obs:r:a:object:..",
        "obs:r:a:object:/",
    ],
)
def test_what_is_no_resource(text: str) -> None:
    assert parse_resource(text) is None


def test_resource_names_and_patterns() -> None:
    name = parse_resource("OBS::1000000001:Object:/Team1//a")
    assert name is not None
    assert (name.service, name.region, name.type, name.path) == ("obs", "", "object", "Team1/a")
    pattern = resource_pattern("Obs:*:*:OBJECT:Team1/**")
    assert pattern is not None
    assert pattern.matches(name)
    assert pattern.path == "Team1/*"
    assert resource_pattern("obs:::object:x") is None
