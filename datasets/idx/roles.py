"""Which of the four MNIST-layout files a name stands for.

Rule: vendor best practices, chapter 4 step 1: ``train-images-idx3-ubyte``,
``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``,
each plain or with ``.gz``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Role:
    """One of the four places a file can fill."""

    split: str  # "train" or "test"
    kind: str  # "images" or "labels"
    stem: str  # file name without .gz

    @property
    def dims(self) -> int:
        """Dimensions the header must declare: 3 for images, 1 for labels."""
        return 3 if self.kind == "images" else 1


ROLES = (
    Role("train", "images", "train-images-idx3-ubyte"),
    Role("train", "labels", "train-labels-idx1-ubyte"),
    Role("test", "images", "t10k-images-idx3-ubyte"),
    Role("test", "labels", "t10k-labels-idx1-ubyte"),
)


def find_roles(names: Iterable[str]) -> tuple[dict[Role, list[str]], list[str]]:
    """Sort ``names`` into roles; the second value holds the names that fill none."""
    by_stem = {role.stem: role for role in ROLES}
    found: dict[Role, list[str]] = {role: [] for role in ROLES}
    others: list[str] = []
    for name in sorted(names):
        role = by_stem.get(PurePosixPath(name).name.removesuffix(".gz"))
        if role is None:
            others.append(name)
        else:
            found[role].append(name)
    return found, others
