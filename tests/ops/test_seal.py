"""Encrypted backups: nothing readable in the folder, and the way back with the key alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from ops.backup.errors import BackupError
from ops.backup.files import Tally
from ops.backup.seal import Opener, Seal
from tests.ops import fill_data
from tests.ops.small import Small, manifest, stored

New = Callable[..., Small]


def key(folder: Path, name: str) -> tuple[str, Path]:
    """A recipient, and the file with its identity as age-keygen writes it."""
    made = pyrage.x25519.Identity.generate()
    path = folder / name
    path.write_text(f"# created: today\n# public key: {made.to_public()}\n{made}\n")
    return str(made.to_public()), path


def test_an_encrypted_backup_tells_nothing_and_comes_back(
    small: Small, place: Path, new: New, tmp_path: Path
) -> None:
    recipient, identity = key(tmp_path, "backup.key")
    _other, wrong = key(tmp_path, "other.key")
    shown = small.good(
        ("backup", place, "--logs", "--encrypt", recipient),
        ("backup", place, "--logs", "--encrypt", recipient),
        ("show",),
    )[2].value
    assert manifest(place)["blobs"]["new"] == 0
    assert manifest(place)["recipients"] == [recipient]
    assert len(stored(place)) == len(set(shown["objects"].values()))
    assert not list((small.var / "backup").iterdir())

    canaries = [fill_data.data(number)[:40] for number in (0, 2, 4)]
    canaries += [digest.encode() for digest in shown["objects"].values()]
    canaries += [json.loads((small.var / "secrets.json").read_text())["SECRET_KEY"].encode()]
    canaries += [b"SQLite format", b"PGDMP", b"acme", b"epoch 1 of", b"argon2", b"in/4.bin"]
    for path in (p for p in place.rglob("*") if p.is_file()):
        text = path.name.encode() + path.read_bytes()
        assert not [one for one in canaries if one in text], path

    copy = new("copy")
    look = ("restore", place, "--check")
    locked, other, looked, restored, found = copy.run(
        look,
        (*look, "--identity", wrong),
        (*look, "--identity", identity),
        ("restore", place, "--identity", identity),
        ("show",),
    )
    assert "Name the file with its identity" in locked.error
    assert "cannot be decrypted" in other.error
    assert not looked.error
    assert not restored.error
    assert found.value["blobs"] == found.value["whole"] == shown["blobs"]
    assert found.value["objects"] == shown["objects"]


def test_a_backup_to_another_key_does_not_lean_on_what_the_old_one_opens() -> None:
    first, second = (str(pyrage.x25519.Identity.generate().to_public()) for _ in range(2))
    digest = "0" * 64
    names = {
        Seal(recipients, "secret").blob_name(digest)
        for recipients in ((), (first,), (second,), (first, second))
    }
    assert len(names) == 4
    assert Seal((second, first), "secret").blob_name(digest) in names  # the order is nothing
    assert Seal((first,), "other").blob_name(digest) not in names


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_001])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_cut_file_is_never_read_as_a_whole_one(tmp_path: Path, size: int, cut: int) -> None:
    recipient, identity = key(tmp_path, "key")
    seal, opener = Seal((recipient,), "secret"), Opener(identity)
    sealed, path = io.BytesIO(), tmp_path / "file.age"
    seal.write(io.BytesIO(b"x" * size), Tally(sealed))
    path.write_bytes(sealed.getvalue()[: len(sealed.getvalue()) - cut])

    def read() -> bytes:
        with opener.reading(path) as stream:
            return b"".join(iter(lambda: stream.read(65536), b""))

    if cut:
        with pytest.raises(BackupError, match="damaged"):
            read()
    else:
        assert read() == b"x" * size


def test_an_ssh_key_opens_as_well(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate()
    ssh = serialization.Encoding.OpenSSH
    public = made.public_key().public_bytes(ssh, serialization.PublicFormat.OpenSSH).decode()
    private = tmp_path / "id_ed25519"
    private.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    path, sealed = tmp_path / "file.age", io.BytesIO()
    Seal((public,), "secret").write(io.BytesIO(b"hello"), Tally(sealed))
    path.write_bytes(sealed.getvalue())
    assert Opener(private).text(path) == "hello"


@pytest.mark.parametrize("text", ["", "# nothing", "AGE-SECRET-KEY-1QQ", "hello"])
def test_a_file_without_an_identity_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(BackupError, match="holds no age identity"):
        Opener(path)
    with pytest.raises(BackupError, match="cannot be read"):
        Opener(tmp_path / "none")
