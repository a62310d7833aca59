"""Rules for some files only: expressions on what tenants wrote, limits of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks import house_rules


@pytest.mark.parametrize(
    ("file", "line", "refused"),
    [
        ("compute/runner/classify.py", 'FRAME = re.compile(r"^\\s*x")', True),
        ("registry/package/config.py", 'found = re.search("x*y", text)', True),
        ("compute/runner/numbers.py", 'N = re.compile("[0-9]{1,9}")  # house-rule: bounded', False),
        ("compute/runner/numbers.py", "at = line.find('=')", False),
        ("accounts/rows.py", 'found = re.search("x", text)', False),
        ("tests/a/test_a.py", f"assert gone.wait({10})", True),
        ("tests/a/test_a.py", f"thread.join(timeout={5})", True),
        ("tests/a/test_a.py", f"out, _ = process.communicate(timeout={59.5})", True),
        ("tests/a/test_a.py", f"assert gone.wait({60})", False),
        ("tests/a/test_a.py", "while not ended.wait(0.01): ...", False),
        ("tests/a/test_a.py", f"server.wait({15})  # house-rule: it is killed then", False),
        ("serving/gateway/app.py", f"thread.join({5})", False),
    ],
)
def test_a_line_is_refused_where_the_rule_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, line: str, refused: bool
) -> None:
    monkeypatch.setattr(house_rules, "ROOT", tmp_path)
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{line}\n")
    assert bool(list(house_rules.findings(path))) is refused


def test_every_reader_is_there() -> None:
    for name in house_rules.READERS:
        assert (house_rules.ROOT / name).exists(), f"{name} has moved: the rule looks at nothing"
