"""`./run` and `./test` before anything is installed: options, missing programs, package indexes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.supervisor import bootstrap, options
from tests.checks import house_rules
from tests.checks.run import Run

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [ROOT / "run", *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_defaults():
    given = options.parse([])
    assert (given.host, given.port, given.gateway_port) == ("127.0.0.1", 8000, 8001)
    assert (given.var, given.demo, given.exit, given.engine) == (None, False, False, "sklearn")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--exit"], "give --demo with it"),
        (["--port", "70000"], "from 0 to 65535"),
        (["--port", "9", "--gateway-port", "9"], "they need two ports"),
        (["--engine", "tf"], "invalid choice"),
        (["--por", "1"], "unrecognized"),
    ],
)
def test_typing_errors_are_answered_with_the_rule(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        options.parse(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_help_from_any_folder_needs_nothing_installed(tmp_path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--demo", "--engine", "--exit", "--port", "--gateway-port", "--var", "--check"):
        assert option in done.stdout
    assert "MODELYARD_ALLOW_WEAK_SANDBOX=1" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_shell_entry_finds_no_python_and_says_what_to_type(tmp_path):
    """With an empty PATH and no interpreter that is new enough."""
    script = (
        f'. "{ROOT}/ops/supervisor/python.sh"; '
        "command() { return 1; }; find_python"  # hides every interpreter and apt-get
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_the_shell_entry_prefers_an_interpreter_everyone_can_read():
    script = f'. "{ROOT}/ops/supervisor/python.sh"; find_python'
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.strip()
    version = subprocess.run([found, "-c", "import sys; print(sys.version_info >= (3, 11))"],
                             capture_output=True, text=True)  # fmt: skip
    assert version.stdout.strip() == "True"
    if any(Path(f"/usr/bin/python3.{minor}").exists() for minor in (11, 12, 13, 14)):
        assert found.startswith("/usr/bin/python3")


def test_missing_programs_are_one_command_to_type(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.delenv("MODELYARD_ALLOW_WEAK_SANDBOX", raising=False)
    with pytest.raises(bootstrap.Missing) as caught:
        bootstrap.ensure_system(chromium=True)
    text = str(caught.value)
    assert "bubblewrap chromium" in text
    assert "MODELYARD_ALLOW_WEAK_SANDBOX=1 ./run" in text


def test_the_weak_sandbox_is_taken_when_said(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setenv("MODELYARD_ALLOW_WEAK_SANDBOX", "1")
    bootstrap.ensure_system(chromium=False)


def test_uv_uses_the_indexes_pip_is_configured_with(tmp_path):
    """A fake pip that answers as `pip config list` does behind a mirror."""
    fake = tmp_path / "pip"
    fake.write_text(
        "#!/bin/sh\n"
        "echo \"global.index-url='https://mirror.example/simple'\"\n"
        "echo \":env:.find-links='/opt/one /opt/two'\"\n"
        "echo \"global.timeout='60'\"\n"
    )
    fake.chmod(0o755)
    assert bootstrap.indexes([str(fake)]) == [
        "--default-index", "https://mirror.example/simple",
        "--find-links", "/opt/one",
        "--find-links", "/opt/two",
        "--index-strategy", "unsafe-best-match",
    ]  # fmt: skip


def test_the_stamp_follows_the_requirements(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    first = bootstrap.stamp_file(["requirements.txt"])
    (tmp_path / "requirements.txt").write_text("django==5.3\n")
    assert bootstrap.stamp_file(["requirements.txt"]) != first


# -- ./test --------------------------------------------------------------------------------------


def test_a_failing_step_is_remembered_and_the_last_line_is_pytests(tmp_path, capfd):
    """Two failing steps, a pytest run with one failure, and one that finds nothing."""
    (tmp_path / "test_x.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n")
    runner = Run(tmp_path, dict(os.environ))
    runner.step("good", [sys.executable, "-c", "print('from the step', flush=True)"])
    runner.step("bad", [sys.executable, "-c", "raise SystemExit(3)"])
    runner.step("absent", [tmp_path / "nothing-here"])
    plain = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "-p", "no:django"]
    runner.pytest("some", [*plain, str(tmp_path)], may_be_empty=False)
    runner.pytest("none", [*plain, "-k", "nothing", str(tmp_path)], may_be_empty=False)
    assert runner.close() == 1
    outcomes = {title: outcome for title, outcome, _ in runner.results}
    assert outcomes["good"] == "ok"
    assert outcomes["bad"] == "FAILED (exit code 3)"
    assert outcomes["absent"].startswith("FAILED")
    assert outcomes["some"] == "FAILED (exit code 1)"
    assert outcomes["none"] == "FAILED (there is no such test)"
    out = capfd.readouterr().out
    assert "from the step" in out
    assert out.splitlines()[-1].startswith("1 failed, 1 passed in ")


def test_house_rules_find_and_excuse(tmp_path, monkeypatch):
    monkeypatch.setattr(house_rules, "ROOT", tmp_path)
    page = tmp_path / "core" / "page.py"
    page.parent.mkdir()
    page.write_text(
        "x = mark_safe(y)\n"
        "x = mark_safe('&nbsp;')  # house-rule: a constant\n"
        "x = 1  # house-rule: nothing to excuse\n"
        "permission_classes = []\n"
    )
    found = list(house_rules.findings(page))
    assert [text.split(": ")[0] for text in found] == [
        "core/page.py:1",
        "core/page.py:3",
        "core/page.py:4",
    ]
    template = tmp_path / "templates" / "x.html"
    template.parent.mkdir()
    template.write_text('<p onclick="x()">{{ a|safe }}</p>\n')
    assert len(list(house_rules.findings(template))) == 2
