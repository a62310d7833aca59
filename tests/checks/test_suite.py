"""The suite's own rules: what runs on PostgreSQL, what comes first, what every folder may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import databases, order
from tests.checks import house_rules, seconds

FILES = sorted(databases.ROOT.glob("tests/**/test_*.py"))
SHARED = sorted(databases.ROOT.glob("tests/*/**/conftest.py"))
FOLDERS = sorted({f"tests/{path.relative_to(databases.ROOT).parts[1]}" for path in FILES})


def name(path: Path) -> str:
    return path.relative_to(databases.ROOT).as_posix()


# -- databases -------------------------------------------------------------------------------------


def test_what_the_database_decides_runs_on_both() -> None:
    for path in (*FILES, *SHARED):
        sign, both = databases.needs_mark(path.read_text()), databases.on_postgresql(path)
        if name(path) in databases.EXEMPT:
            assert sign and not both, f"{name(path)}: its exemption is stale"
        elif sign:
            assert both, (
                f"{name(path)} has {sign!r}: say pytestmark = pytest.mark.{databases.MARK}, or give"
                " tests/databases.py the reason why the database decides nothing in it"
            )


def test_exemptions_and_folders_are_there() -> None:
    for one in (*databases.EXEMPT, *databases.DIRECTORIES):
        assert (databases.ROOT / one).exists(), f"{one} has moved"


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("def test_a(transactional_db): ...", "transactional_db"),
        ("pytestmark = pytest.mark.django_db(transaction=True)", "transaction=True"),
        ("if connection.vendor == 'sqlite': ...", "connection.vendor"),
        ("with connection.cursor() as cursor: ...", ".cursor("),
        ("from tests.threads import run", "tests.threads"),
        ("@pytest.mark.django_db\ndef test_a(): threading.Thread(target=x)", "Thread("),
        ("def test_a(): threading.Thread(target=x)", ""),
        ("@pytest.mark.django_db\ndef test_a(): ...", ""),
    ],
)
def test_signs(text: str, sign: str) -> None:
    assert databases.needs_mark(text) == sign


def test_postgresql_alone_is_not_the_whole_suite(pytestconfig: pytest.Config) -> None:
    """``-m postgresql`` chooses by file, before anything is imported."""
    both = [path for path in FILES if databases.on_postgresql(path)]
    assert 0 < len(both) < len(FILES) * 0.6


# -- order -----------------------------------------------------------------------------------------


class Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_the_longest_come_first_and_a_story_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "tests/a/test_long.py": 9.0,
        "tests/browser/test_1.py": 5,
        "tests/browser/test_2.py": 6,
    }
    monkeypatch.setattr(order, "recorded", lambda: known)
    items = [
        Item(f"tests/{file}.py::{test}")
        for file in ("a/test_new", "a/test_long", "browser/test_1", "browser/test_2")
        for test in ("test_x", "test_y")
    ]
    order.longest_first(items)
    assert [item.nodeid.partition("::")[0] for item in items[::2]] == [
        "tests/browser/test_1.py",
        "tests/browser/test_2.py",
        "tests/a/test_long.py",
        "tests/a/test_new.py",
    ]
    assert [item.nodeid[-1] for item in items] == ["x", "y"] * 4
    assert len({order.unit(item.nodeid) for item in items}) == 3


def test_the_longest_of_this_run_come_first(request: pytest.FixtureRequest) -> None:
    """Whatever other plugins have sorted."""
    known: dict[str, float] = {}
    for file, took in order.recorded().items():
        known[order.unit(file)] = known.get(order.unit(file), 0) + took
    units = dict.fromkeys(order.unit(item.nodeid) for item in request.session.items)
    took_each = [known.get(unit, 0) for unit in units]
    assert took_each == sorted(took_each, reverse=True)


def test_recorded_files_are_there() -> None:
    assert order.recorded(), "./test --record"
    for file, took in order.recorded().items():
        assert (databases.ROOT / file).exists(), f"{file} has moved: ./test --record"
        assert took >= seconds.WORTH


# -- seconds ---------------------------------------------------------------------------------------


def test_every_folder_has_a_budget_and_every_budget_a_folder() -> None:
    limits = seconds.budgets(seconds.BUDGETS.read_text())
    assert limits.pop(seconds.EACH_TYPE) <= 15
    assert sorted(limits) == FOLDERS


def test_who_is_over_the_budget_is_named() -> None:
    rows = (
        "| `tests/a` | 10 s | 20 s |",
        "| `tests/contract` | 1 s | 99 s |",
        "| each type | 3 s | 15 s |",
    )
    limits = seconds.budgets("\n".join(rows))
    assert limits == {"tests/a": 20, "tests/contract": 99, seconds.EACH_TYPE: 15}
    resources = "tests/contract/test_resources.py"
    taken = {
        "tests/a/test_a.py": 15.0,
        "tests/a/b/test_b.py::TestB": 6.0,
        "tests/new/test_c.py": 1.0,
        f"{resources}::TestQuick": 2.0,
        f"{resources}::TestSlow": 16.0,
    }
    lines = list(seconds.table(taken, limits))
    assert [line.split()[-1] for line in lines[:3]] == ["tests/a", "tests/contract", "tests/new"]
    assert lines[3:] == [
        "OVER BUDGET: tests/a took 21 s, its budget is 20 s",
        "OVER BUDGET: TestSlow took 16 s, a type has 15 s",
    ]


# -- house rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("a " * 61, [1]),
        ("word " * 24, []),
        ("- " + "x" * 130, []),
        ("- see " + "x" * 130, [1]),
        ("- [a link of words](https://" + "x" * 120 + ")", []),
        ("`code that is not broken " + "x " * 60 + "`", []),
        ("| a cell | " + "a " * 61 + "|", []),
        ("```\n" + "a " * 61 + "\n```\n" + "b " * 61, [4]),
        ("text\n\n    " + "code " * 30 + "\n    " + "code " * 30, []),
        ("- point\n    " + "goes on " * 20, [2]),
    ],
)
def test_lines_of_markdown_that_can_be_wrapped(text: str, wide: list[int]) -> None:
    assert list(house_rules.wide_lines(line.rstrip() for line in text.splitlines())) == wide
