"""Reading the project's Markdown: links, headings, code, tables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(```|~~~)")
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)[^)]*\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
HEADING = re.compile(r"^#{1,6}\s+(.*)$")


@dataclass(frozen=True)
class Page:
    """One Markdown file, its code blocks kept apart from its text."""

    path: Path
    text: str  # without code blocks
    blocks: str  # fenced and indented code blocks

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def links(self, *, pictures: bool) -> Iterator[str]:
        """Targets of links, or of pictures."""
        without_code = CODE.sub("", self.text)
        for mark, target in LINK.findall(without_code):
            is_picture = bool(mark) or target.endswith(".png")
            if is_picture == pictures:
                yield target

    def spans(self) -> Iterator[str]:
        """Inline code."""
        yield from CODE.findall(self.text)

    def anchors(self) -> set[str]:
        """Anchors of the headings, as GitHub makes them."""
        found = set()
        for line in self.text.splitlines():
            match = HEADING.match(line)
            if match:
                plain = re.sub(r"[^\w\- ]", "", match[1].lower())
                found.add(plain.strip().replace(" ", "-"))
        return found

    def tables(self) -> Iterator[list[dict[str, str]]]:
        """Each table as rows of column -> cell."""
        lines = self.text.splitlines()
        at = 0
        while at < len(lines) - 1:
            if not (lines[at].startswith("|") and re.match(r"^\|[\s:|-]+\|$", lines[at + 1])):
                at += 1
                continue
            head, rows = _cells(lines[at]), []
            at += 2
            while at < len(lines) and lines[at].startswith("|"):
                rows.append(dict(zip(head, _cells(lines[at]), strict=True)))
                at += 1
            yield rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read(path: Path) -> Page:
    """Split a file into text and code blocks."""
    text: list[str] = []
    blocks: list[str] = []
    fenced, before = False, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif fenced:
            blocks.append(line)
        elif line.startswith("    ") and (not before.strip() or before.startswith("    ")):
            blocks.append(line.strip())
        else:
            text.append(line)
        before = line
    return Page(path, "\n".join(text), "\n".join(blocks))


def pages() -> list[Page]:
    """Every Markdown file of the project, committed or about to be, but no vendored one."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    names = sorted({name for name in done.stdout.splitlines() if not name.startswith("static/")})
    return [read(ROOT / name) for name in names if (ROOT / name).is_file()]
