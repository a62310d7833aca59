"""A program in a sandbox cannot turn the platform's connection to somebody else's socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute import sockets


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "server.sock"))
        made.listen()
        yield made


def connect(path: Path) -> None:
    with sockets.address(path) as address, socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(2)
        caller.connect(address)


def test_the_socket_itself_is_reached(tmp_path: Path, listener: socket.socket) -> None:
    connect(tmp_path / "server.sock")
    taken, _peer = listener.accept()
    taken.close()


def test_a_link_in_its_place_is_refused(tmp_path: Path, listener: socket.socket) -> None:
    (tmp_path / "link.sock").symlink_to(tmp_path / "server.sock")
    with pytest.raises(ConnectionRefusedError, match="is no socket"):
        connect(tmp_path / "link.sock")
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_what_is_no_socket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no socket")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "pipe", "."):
        with pytest.raises(ConnectionRefusedError, match="is no socket"):
            connect(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        connect(tmp_path / "absent")


def test_a_link_put_there_after_the_look_changes_nothing(tmp_path: Path) -> None:
    """The handle stands for the socket that was looked at, whatever its name means by now."""
    with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as other:
        for made, name in ((own, "own.sock"), (other, "other.sock")):
            made.bind(str(tmp_path / name))
            made.listen()
            made.setblocking(False)
        with sockets.address(tmp_path / "own.sock") as address:
            (tmp_path / "own.sock").unlink()
            (tmp_path / "own.sock").symlink_to(tmp_path / "other.sock")
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(address)
                own.accept()[0].close()
                with pytest.raises(BlockingIOError):
                    other.accept()
