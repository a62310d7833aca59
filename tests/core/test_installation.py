"""A database and its stores know each other: what differs is named, and nothing is swept by it."""

from __future__ import annotations

import io
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core import installation
from core.identity import places
from core.installation import Kind, intentions
from core.models import Installation
from storage.backends import store
from tests.storage import people


@pytest.fixture(autouse=True)
def var(settings: Any, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    settings.VAR_DIR = folder
    installation.installation_id.cache_clear()  # a test before may have asked for it
    yield folder
    installation.installation_id.cache_clear()


@pytest.fixture
def marked(db: None, var: Path) -> Path:
    """An installation with an account and an object that was started once."""
    people.root("alice")
    store().put("a" * 32, io.BytesIO(b"bytes"), 5)
    installation.mark(start=True)
    return var


def kind() -> Kind | None:
    found = installation.find_mismatch()
    return found.kind if found else None


def other_database(generation: int = 0) -> None:
    """As if DATABASE_URL named another one."""
    Installation.objects.update(identity=uuid.uuid4().hex, generation=generation)


def copied(var: Path, settings: Any, *, database: bool = True) -> Path:
    """A copy of the folder and, unless told otherwise, of its database."""
    copy = var.with_name("copy")
    shutil.copytree(var, copy)
    settings.VAR_DIR = copy
    if database:
        places.write(copy, {**(places.read(copy) or {}), "database_key": "the original's"})
    return copy


def test_a_new_installation_is_marked_once(db: None, var: Path) -> None:
    assert installation.find_mismatch() is None
    installation.mark(start=True)
    here = installation.installation_id()
    assert len(here) == 32
    for folder in (var, var / "objects"):
        marker = places.read(folder)
        assert marker is not None
        assert (marker["installation"], marker["generation"]) == (here, 1)
    assert installation.sweeps_allowed()
    assert installation.created_at() is not None


def test_an_installation_of_before_is_marked_in_silence(db: None, var: Path) -> None:
    """Data everywhere and no marker anywhere: it was made before there were markers."""
    people.root("alice")
    store().put("a" * 32, io.BytesIO(b"bytes"), 5)
    (var / "work" / "attempts" / str(uuid.uuid4())).mkdir(parents=True)
    assert installation.find_mismatch() is None
    call_command("prepare")
    assert installation.find_mismatch() is None


def test_an_empty_database_over_unmarked_bytes(db: None) -> None:
    """The first start after an upgrade, with another DATABASE_URL."""
    store().put("a" * 32, io.BytesIO(b"bytes"), 5)
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.OTHER_DATABASE
    assert "no account" in found.what
    assert not installation.sweeps_allowed()


@pytest.mark.parametrize("generation", [0, 1, 7])
def test_another_database(marked: Path, generation: int) -> None:
    other_database(generation)
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.OTHER_DATABASE
    assert "DATABASE_URL" in found.what
    assert f"./run --var {marked} --adopt" in found.ways.values()
    assert not installation.sweeps_allowed()
    with pytest.raises(CommandError, match="DATABASE_URL"):
        call_command("prepare")


def test_an_older_dump(marked: Path) -> None:
    dumped = Installation.objects.get()
    for _beat in range(3):
        assert installation.pulse()
    assert kind() is None
    dumped.save()
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.OLDER_DATABASE
    assert any("manage.py restore" in way for way in found.ways.values())
    assert not installation.sweeps_allowed()
    assert not installation.pulse()
    intentions.adopt()
    assert kind() is None


def test_an_older_store(marked: Path) -> None:
    before = (marked / "objects" / places.MARKER).read_bytes()
    for _beat in range(3):
        installation.pulse()
    (marked / "objects" / places.MARKER).write_bytes(before)
    assert kind() == Kind.OLDER_STORE


def test_a_marker_that_could_not_be_written_is_written_next_time(
    marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk for an hour must not look like an older store."""
    real = places.write

    def full(folder: Path, marker: dict[str, Any]) -> None:
        if folder == marked / "objects":
            raise OSError(28, "No space left on device")
        real(folder, marker)

    monkeypatch.setattr(places, "write", full)
    for _beat in range(5):
        with pytest.raises(Exception, match="disk"):
            installation.pulse()
    assert kind() is None
    monkeypatch.setattr(places, "write", real)
    assert installation.pulse()
    assert kind() is None


def test_a_store_without_its_marker(marked: Path) -> None:
    (marked / "objects" / places.MARKER).unlink()
    assert kind() == Kind.OTHER_STORE
    assert not installation.sweeps_allowed()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"installation": 1}', "\xff"])
def test_a_damaged_marker_agrees_with_nothing(marked: Path, text: str) -> None:
    (marked / places.MARKER).write_text(text, encoding="latin-1")
    assert kind() is not None
    assert not installation.sweeps_allowed()


def test_a_second_folder_over_one_database(marked: Path, settings: Any) -> None:
    settings.VAR_DIR = marked.with_name("second")
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.SECOND_FOLDER
    assert str(marked) in found.what
    assert not installation.sweeps_allowed()


def test_a_copied_folder_becomes_an_installation_of_its_own(marked: Path, settings: Any) -> None:
    original = places.read(marked)
    copy = copied(marked, settings)
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.COPIED
    assert str(marked) in found.what
    assert "still there" in found.what
    assert not installation.sweeps_allowed()
    with pytest.raises(intentions.NotPossible, match="original is still in its place"):
        intentions.adopt()
    made = intentions.become_copy()
    assert kind() is None
    assert places.read(marked) == original
    assert original is not None
    assert made != original["installation"]
    assert (places.read(copy / "objects") or {})["installation"] == made


def test_a_moved_folder_is_told_from_a_copy(marked: Path, settings: Any) -> None:
    settings.VAR_DIR = marked.rename(marked.with_name("elsewhere"))
    found = installation.find_mismatch()
    assert found is not None
    assert found.kind == Kind.MOVED
    identity = installation.row().identity
    assert intentions.adopt() == identity
    assert kind() is None


def test_a_copy_in_the_original_s_place_is_asked_about(marked: Path) -> None:
    """The path is the same, the folder is not."""
    kept = marked.rename(marked.with_name("kept"))
    shutil.copytree(kept, marked)
    assert kind() == Kind.COPIED


def test_a_copy_of_the_folder_alone_cannot_take_the_original_s_store(
    marked: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes lie in a bucket, which was not copied: a new marker there would be the original's
    end."""
    monkeypatch.setitem(
        installation._stores,
        "object",
        installation.Store(
            "object",
            lambda: places.read(marked / "objects"),
            lambda marker: places.write(marked / "objects", marker),
            lambda: "s3://bucket/",
            lambda: True,
        ),
    )
    installation.mark(start=True)
    before = places.read(marked / "objects")
    copied(marked, settings)
    with pytest.raises(intentions.NotPossible, match="MODELYARD_OBJECT_STORE"):
        intentions.become_copy()
    assert places.read(marked / "objects") == before


def test_a_copy_of_the_folder_alone_cannot_take_the_original_s_database(
    marked: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "database_key", lambda: "7301.16384")
    installation.mark(start=True)
    identity = installation.row().identity
    copied(marked, settings, database=False)
    with pytest.raises(intentions.NotPossible, match="DATABASE_URL"):
        intentions.become_copy()
    assert installation.row().identity == identity


def test_a_database_that_got_the_data_is_adopted(marked: Path) -> None:
    """From SQLite to PostgreSQL by dumpdata and loaddata."""
    identity = installation.row().identity
    other_database()
    assert intentions.adopt() == identity
    assert kind() is None


def test_an_empty_database_is_not_adopted(marked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_database()
    real = installation.facts()
    monkeypatch.setattr(
        installation, "facts", lambda: type(real)(real.identity, 0, False, real.place, real.home)
    )
    with pytest.raises(intentions.NotPossible, match="no account"):
        intentions.adopt()


def test_a_store_that_does_not_answer_keeps_sweeps_off(
    marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OSError("no route to host")

    monkeypatch.setitem(
        installation._stores,
        "object",
        installation.Store("object", away, away, away, away),  # type: ignore[arg-type]
    )
    assert not installation.sweeps_allowed()


def test_a_further_host_joins(marked: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        installation._stores,
        "object",
        installation.Store(
            "object",
            lambda: places.read(marked / "objects"),
            lambda marker: places.write(marked / "objects", marker),
            lambda: "s3://bucket/",
            lambda: True,
        ),
    )
    installation.mark(start=True)
    settings.VAR_DIR = further = marked.with_name("further")
    assert kind() == Kind.SECOND_FOLDER
    call_command("installation", "join")
    assert kind() is None
    assert not installation.pulse(), "the home's to do"
    settings.VAR_DIR = marked
    for _beat in range(3):
        installation.pulse()
    assert installation.row().home == str(marked)
    settings.VAR_DIR = further
    assert kind() is None
    assert installation.sweeps_allowed()


def test_the_commands(marked: Path, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("installation", "show")
    assert installation.row().identity in capsys.readouterr().out
    call_command("installation", "check")
    copy = copied(marked, settings)
    (copy / "run").mkdir()
    (copy / "run" / "state.json").write_text('{"children": [{"name": "web"}]}')
    with pytest.raises(CommandError, match="--this-is-a-copy"):
        call_command("installation", "check")
    call_command("installation", "copy")
    call_command("installation", "check")
    assert not (copy / "run" / "state.json").exists()
