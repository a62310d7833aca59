"""The rule that keeps regular expressions away from what tenants wrote."""

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
    ],
)
def test_no_expression_on_text_of_tenants(
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
