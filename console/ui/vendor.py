"""Fetch the browser libraries and keep them in the repository.

    python -m console.ui.vendor            download what the lock names, write static/vendor/
    python -m console.ui.vendor --check    compare static/vendor/ with the lock, no network
    python -m console.ui.vendor --update   accept the tarballs of PACKAGES and rewrite the lock

Packages come through `npm pack`; nothing of npm is needed to run the console. Each tarball is
compared with its sha512 `integrity` in the lock before
anything is unpacked. References to source maps are cut, because the manifest storage of the
static files refuses a stylesheet that points to a file which is not there.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.ui.icons import ICONS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "static" / "vendor"
LOCK = HERE / "vendor.lock.json"

_SOURCE_MAP = re.compile(rb"\n?(?:/\*#\s*sourceMappingURL=.*?\*/|//#\s*sourceMappingURL=\S+)\s*")
_SVG_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.S)
_EMPTY_PATH = re.compile(r'\s*<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')

MIT = """The MIT License (MIT)

{copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
"""


class VendorError(Exception):
    """A downloaded or stored file is not what the lock says."""


@dataclass(frozen=True)
class Package:
    """One npm package and the files taken from it (path in the tarball -> path in our folder)."""

    name: str
    version: str
    licence: str
    files: tuple[tuple[str, str], ...]
    licence_text: str = ""

    @property
    def folder(self) -> str:
        """Folder name below static/vendor/, with the version so that caches never mix two."""
        return f"{self.name.strip('@').replace('/', '-')}-{self.version}"


PACKAGES: tuple[Package, ...] = (
    Package(
        "@tabler/core",
        "1.6.1",
        "MIT",
        (
            ("dist/css/tabler.min.css", "tabler.min.css"),
            ("dist/js/tabler.min.js", "tabler.min.js"),
        ),
        # The tarball carries no licence file; name and years stand in the head of its stylesheet.
        MIT.format(
            copyright="Copyright 2018-2026 The Tabler Authors\n"
            "Copyright 2018-2026 codecalm.net Paweł Kuna"
        ),
    ),
    Package(
        "htmx.org",
        "2.0.11",
        "0BSD",
        (("dist/htmx.min.js", "htmx.min.js"), ("LICENSE", "LICENSE")),
    ),
    Package(
        "echarts",
        "6.1.0",
        "Apache-2.0",
        (
            # The "common" build has no heatmap.
            ("dist/echarts.min.js", "echarts.min.js"),
            ("LICENSE", "LICENSE"),
            ("NOTICE", "NOTICE"),
            ("licenses/LICENSE-d3", "LICENSE-d3"),
        ),
    ),
    Package(
        "@tabler/icons",
        "3.51.0",
        "MIT",
        (("LICENSE", "LICENSE"),),
    ),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        (
            ("files/inter-latin-wght-normal.woff2", "inter-latin-wght-normal.woff2"),
            ("LICENSE", "LICENSE"),
        ),
    ),
)


def sprite(icons: dict[str, str]) -> bytes:
    """One SVG file with a <symbol> per icon, from {name: source of the icon's svg file}."""
    symbols = []
    for name, source in sorted(icons.items()):
        match = _SVG_BODY.search(source)
        if match is None:
            raise VendorError(f"Icon `{name}` is not an SVG file.")
        body = re.sub(r"\s*\n\s*", "", _EMPTY_PATH.sub("", match.group(1)).strip())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    head = "<!-- Tabler Icons (MIT), see LICENSE beside this file. -->"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg">{head}\n' + "\n".join(symbols) + "\n</svg>\n"
    ).encode()


def integrity(data: bytes) -> str:
    """The sha512 string of the kind npm writes into its own locks."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def download(package: Package, folder: Path) -> bytes:
    """Tarball of the pinned version, by `npm pack`."""
    done = subprocess.run(
        ["npm", "pack", f"{package.name}@{package.version}", "--json", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise VendorError(
            f"npm pack {package.name}@{package.version} failed: {done.stderr.strip()}"
        )
    packed: str = json.loads(done.stdout)[0]["filename"]
    return (folder / packed).read_bytes()


def unpack(package: Package, tarball: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path in our folder, bytes) of every file taken from the tarball."""
    with tarfile.open(tarball) as archive:

        def read(path: str) -> bytes:
            member = archive.extractfile(f"package/{path}")
            if member is None:
                raise VendorError(f"{package.name}@{package.version} has no file `{path}`.")
            return member.read()

        for source, target in package.files:
            data = read(source)
            yield (
                target,
                _SOURCE_MAP.sub(b"\n", data) if target.endswith((".js", ".css")) else data,
            )
        if package.licence_text:
            yield "LICENSE", package.licence_text.encode()
        if package.name == "@tabler/icons":
            sources = {name: read(f"icons/outline/{name}.svg").decode() for name in ICONS}
            yield "sprite.svg", sprite(sources)


def read_lock() -> dict[str, dict[str, Any]]:
    """The lock as {package name: entry}; empty before the first `--update`."""
    if not LOCK.exists():
        return {}
    return {entry["name"]: entry for entry in json.loads(LOCK.read_text())["packages"]}


def fetch(*, update: bool) -> None:
    """Download, verify, write the files and the lock."""
    locked = read_lock()
    entries = []
    with tempfile.TemporaryDirectory(prefix="modelyard-vendor-") as scratch:
        for package in PACKAGES:
            data = download(package, Path(scratch))
            found = integrity(data)
            known = locked.get(package.name)
            if not update and (
                known is None or known["version"] != package.version or known["integrity"] != found
            ):
                raise VendorError(
                    f"{package.name}@{package.version} does not match the lock "
                    f"({found}). If the new version is wanted, run with --update."
                )
            tarball = Path(scratch) / f"{package.folder}.tar"
            tarball.write_bytes(data)
            folder = TARGET / package.folder
            folder.mkdir(parents=True, exist_ok=True)
            files = {}
            for target, content in unpack(package, tarball):
                (folder / target).write_bytes(content)
                files[target] = hashlib.sha256(content).hexdigest()
            entries.append(
                {
                    "name": package.name,
                    "version": package.version,
                    "licence": package.licence,
                    "integrity": found,
                    "folder": package.folder,
                    "files": dict(sorted(files.items())),
                }
            )
    LOCK.write_text(json.dumps({"packages": entries}, indent=2) + "\n")


def differences() -> list[str]:
    """Sentences about everything below static/vendor/ that the lock does not explain."""
    problems = []
    expected = set()
    locked = read_lock()
    for package in PACKAGES:
        entry = locked.get(package.name)
        if entry is None or entry["version"] != package.version:
            problems.append(f"{package.name}@{package.version} is not in the lock.")
            continue
        for name, digest in entry["files"].items():
            path = TARGET / entry["folder"] / name
            expected.add(path)
            if not path.is_file():
                problems.append(f"{path.relative_to(ROOT)} is missing.")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                problems.append(f"{path.relative_to(ROOT)} differs from the lock.")
    for path in sorted(TARGET.rglob("*")):
        if path.is_file() and path not in expected:
            problems.append(f"{path.relative_to(ROOT)} is in no package of the lock.")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m console.ui.vendor", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="compare only, no network")
    parser.add_argument("--update", action="store_true", help="rewrite the lock")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            fetch(update=options.update)
    except VendorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    problems = differences()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
