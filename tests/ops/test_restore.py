"""What is true after a restore, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.ops.small import KIND, Small, ids, manifest

New = Callable[..., Small]


def test_what_ran_is_decided_and_the_original_is_left_alone(
    small: Small, place: Path, new: New
) -> None:
    small.good(("backup", place, "--logs"))
    before = snapshot(small)
    copy = new("copy")
    said, shown = copy.good(("restore", place), ("show",))
    found = shown.value
    assert {name: (phase, reason) for name, (phase, reason, _m) in found["jobs"].items()} == {
        "done": ("Completed", ""),
        "ends": ("Terminated", "RESTORED"),
        "runs": ("Failed", "RESTORED"),
        "silent": ("Failed", "RESTORED"),
        "waits": ("Pending", ""),
    }
    assert {name: (phase, reason) for name, (phase, reason, _m) in found["services"].items()} == {
        "comes": ("Concerning", "RESTORED"),
        "goes": ("Stopped", "RESTORED"),
        "rests": ("Stopped", ""),
        "serves": ("Concerning", "RESTORED"),
    }
    began = manifest(place)["began"]
    for _phase, reason, message in [*found["jobs"].values(), *found["services"].values()]:
        assert (began in message) == (reason == "RESTORED")
    assert found["events"].count("RESTORED") == 6
    zero = {"attempts", "instances", "slots", "claims", "leases", "sessions", "credentials"}
    # One attempt is that of the job that has ended; a test wrote it so.
    assert {name: found[name] for name in zero} == dict.fromkeys(zero, 0) | {"attempts": 1}
    assert (found["tokens"], found["password"]) == (1, True)
    assert [state for _name, state, _message in found["backups"]] == ["Done"]
    assert "restoreInstallation" in found["trail"]
    assert "credentials of running work revoked: 3" in said.said
    logs = sorted(p.read_text() for p in copy.var.glob("work/attempts/*/log/*"))
    assert logs == sorted(p.read_text() for p in small.var.glob("work/attempts/*/log/*"))
    assert json.loads((copy.var / "secrets.json").read_text()) == json.loads(
        (small.var / "secrets.json").read_text()
    )
    assert snapshot(small) == before


def snapshot(small: Small) -> dict[str, object]:
    """Every file of the data folder, and what the rows say."""
    files = {
        str(path.relative_to(small.var)): path.read_bytes()
        for path in small.var.rglob("*")
        if path.is_file() and not path.name.startswith("modelyard.sqlite3")
    }
    return {"files": files, "rows": small.show()}


def test_it_is_an_installation_of_its_own_unless_said_otherwise(
    small: Small, place: Path, new: New
) -> None:
    show = ("installation", "show")
    _made, told = small.good(("backup", place), show)
    original = identity(told.said)
    assert manifest(place)["installation"] == original
    copy, same = new("copy"), new("same")
    first = copy.good(("restore", place), show)[1].said
    second = same.good(("restore", place, "--same-installation"), show)[1].said
    assert identity(first) != original == identity(second)
    for where, text in ((copy, first), (same, second)):
        marker = json.loads((where.var / "installation.json").read_text())
        assert marker["installation"] == identity(text)
        store = json.loads((where.var / "objects" / "installation.json").read_text())
        assert store["installation"] == identity(text)
        assert "mismatch" not in text.lower()


def test_the_originals_place_is_not_taken_while_it_is_there(
    small: Small, place: Path, new: New
) -> None:
    small.good(("installation", "adopt"), ("backup", place))
    copy = new("copy")
    refused = copy.run(("restore", place, "--same-installation"))[0]
    assert f"The original is still in its place: {small.var}" in refused.error
    assert not (copy.var / "restoring.json").exists()
    (small.var / "installation.json").unlink()
    copy.good(("restore", place, "--same-installation"))


def identity(text: str) -> str:
    found = re.search(r"database +([0-9a-f]{32})", text)
    assert found, text
    return found[1]


def test_what_does_not_belong_together_is_not_copied(small: Small, place: Path) -> None:
    other = "from core.models import Installation as I; I.objects.update(identity='0' * 32)"
    made = small.run(("installation", "adopt"), ("shell", "-c", other), ("backup", place))
    assert not made[0].error
    assert "nothing whole to copy" in made[2].error
    assert not place.exists()


def test_nothing_is_restored_over_an_installation(small: Small, place: Path, new: New) -> None:
    made, over = small.run(("backup", place), ("restore", place))
    assert not made.error
    assert "is not empty" in over.error

    there = new("there")
    there.var.mkdir()
    (there.var / "notes.txt").write_text("mine")
    refused = there.run(("restore", place))[0]
    assert "is not empty (notes.txt)" in refused.error
    assert (there.var / "notes.txt").read_text() == "mine"
    assert {p.name for p in there.var.iterdir()} <= {"notes.txt", "secrets.json"}


def test_a_newer_version_is_refused_with_a_sentence(small: Small, place: Path, new: New) -> None:
    later = "from django.db.migrations.recorder import MigrationRecorder as M; "
    later += "from django.db import connection as c; M(c).record_applied('core', '0999_later')"
    small.good(("shell", "-c", later), ("backup", place))
    copy = new("copy")
    done = copy.run(("restore", place), ("restore", place, "--check"))
    for one in done:
        assert "was made by a newer version" in one.error
        assert "core.0999_later" in one.error
    assert not (copy.var / "restoring.json").exists()
    assert not (copy.var / "objects").exists()


def test_check_names_a_flipped_byte_wherever_it_is(small: Small, place: Path) -> None:
    good = small.good(("backup", place, "--logs"), ("restore", place, "--check"))[1]
    assert "every digest holds" in good.said
    assert "loaded and migrated on trial" in good.said
    folder = place / "backups" / ids(place)[0]
    blob = max(place.glob("blobs/*/*"), key=lambda path: path.stat().st_size)
    victims = [*sorted(folder.iterdir()), blob]
    assert len(victims) == 7
    look = ("restore", place, "--check")
    done = small.run(*[step for v in victims for step in (("flip", v), look, ("flip", v))])
    for victim, looked in zip(victims, done[1::3], strict=True):
        assert str(victim) in looked.error
    blob.unlink()
    assert str(blob) in small.run(look)[0].error


def test_a_damaged_backup_is_not_restored_and_the_next_try_begins_anew(
    small: Small, place: Path, new: New
) -> None:
    small.good(("backup", place))
    blob = max(place.glob("blobs/*/*"), key=lambda path: path.stat().st_size)
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"!")
    copy = new("copy")
    refused = copy.run(("restore", place))[0]
    assert str(blob) in refused.error
    assert (copy.var / "restoring.json").exists()
    assert not list(copy.var.glob("modelyard.sqlite3"))

    blob.write_bytes(whole)
    found = copy.good(("restore", place), ("show",))[1].value
    assert found["blobs"] == found["whole"] == found["stored"]
    assert not (copy.var / "restoring.json").exists()


def test_a_backup_is_of_one_kind_of_database(small: Small, place: Path, tmp_path: Path) -> None:
    small.good(("backup", place))
    other = "sqlite:////nowhere/x.sqlite3" if KIND == "postgresql" else "postgres://127.0.0.1:1/x"
    copy = Small(tmp_path / "copy", other)
    assert f"is of {KIND}" in copy.run(("restore", place))[0].error
