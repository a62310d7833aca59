"""Commands that ./run calls, and what commands typed by hand find."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from core import installation


@pytest.mark.django_db
class TestPrepare:
    @pytest.fixture(autouse=True)
    def var(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """It writes markers: never into the folder that somebody works with."""
        monkeypatch.setattr(settings, "VAR_DIR", tmp_path)

    def test_passes_on_a_sound_installation(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("prepare")
        assert "Everything is declared" in capsys.readouterr().out

    def test_an_error_of_any_check_stops_the_start(self) -> None:
        def broken(**kwargs: object) -> list[checks.CheckMessage]:
            return [checks.Error("The engine is upside down.", id="test.E001")]

        checks.registry.registry.register(broken, checks.Tags.database)
        try:
            with pytest.raises((CommandError, SystemCheckError), match="upside down"):
                call_command("prepare")
        finally:
            checks.registry.registry.registered_checks.discard(broken)


@pytest.mark.django_db
def test_what_belongs_together_is_shown_as_aligned_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    with contextlib.suppress(CommandError):  # the test's own stores carry no marker
        call_command("installation", "show")
    lines = capsys.readouterr().out.splitlines()
    table = lines[: lines.index(next(line for line in lines if line.startswith("begun ")))]
    assert table[0].split() == ["installation", "generation", "place"]
    column = table[0].index("place")
    named = {line.split()[0]: line[column:] for line in table[1:]}
    assert named["database"] == installation.database_place()
    assert str(tmp_path) in named.values()
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in table[1:])
    assert not any("{" in line for line in lines)


class TestBrokerAddress:
    @staticmethod
    def address(var: Path, **variables: str) -> str:
        """REDIS_URL as a fresh process sees it."""
        bare = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
        done = subprocess.run(
            [sys.executable, "-c", "from console import settings; print(settings.REDIS_URL)"],
            cwd=settings.BASE_DIR,
            env={**bare, "MODELYARD_VAR": str(var), **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def test_the_running_broker_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "broker").mkdir()
        (tmp_path / "broker" / "url").write_text("redis://:secret@127.0.0.1:4711/0\n")
        assert self.address(tmp_path) == "redis://:secret@127.0.0.1:4711/0"
        assert self.address(tmp_path, REDIS_URL="redis://other:1/2") == "redis://other:1/2"

    def test_the_usual_port_without_one(self, tmp_path: Path) -> None:
        assert self.address(tmp_path) == "redis://127.0.0.1:6379/15"
