"""A wall clock of their own for the programs of a drill's own installation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
FILE = "FAKETIME_TIMESTAMP_FILE"


def variables(folder: Path) -> dict[str, str]:
    """Build what is preloaded in ``folder`` and return the environment for ``./run``.

    Empty where there is no C compiler: the scenarios of the clock are then skipped.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return {}
    library, file = folder / "clock.so", folder / "clock"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE],
        check=True,
    )
    file.write_text("+0\n")
    return {"LD_PRELOAD": str(library), FILE: str(file)}
