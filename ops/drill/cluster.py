"""A PostgreSQL server of the drill's own: made, stopped the hard way, started, taken away."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from pathlib import Path

from ops.drill.client import DrillFailed

NAME = "modelyard"


class Cluster:
    """Data and socket below ``folder``. PostgreSQL refuses to run as root, so root borrows an
    ordinary user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs()
        self._as: list[str] = []
        folder.mkdir()
        if os.geteuid() == 0:
            user = _ordinary()
            os.chown(folder, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._as = ["setpriv", *ids]
        locale = ["--encoding=UTF8", "--locale=C.UTF-8"]
        self._do("initdb", "-D", self._data, "-U", NAME, "-A", "trust", "--no-sync", *locale)
        self._do(*shlex.split(self.start_command)[len(self._as) :])
        self._do("createdb", "-h", folder, "-U", NAME, NAME)

    @property
    def url(self) -> str:
        return f"postgres://{NAME}@/{NAME}?host={self._folder}"

    @property
    def stop_command(self) -> str:
        """As a power cut does it: connections broken, recovery at the next start."""
        return self._control("-m", "immediate", "stop")

    @property
    def start_command(self) -> str:
        # No other process is to reach it, and the drill does not cut the machine's power.
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off -c max_connections=300"
        return self._control("-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        if (self._data / "postmaster.pid").exists():
            subprocess.run(shlex.split(self.stop_command), check=False, capture_output=True)

    def _control(self, *words: str) -> str:
        program = str(self._programs / "pg_ctl")
        return shlex.join([*self._as, program, "-D", str(self._data), "-w", *words])

    def _do(self, program: str, *words: str | Path) -> None:
        path = program if "/" in program else str(self._programs / program)
        line = [*self._as, path, *map(str, words)]
        # A server that is started keeps its outputs open: they must not be pipes to be read out.
        with (self._folder.with_suffix(".out")).open("ab") as out:
            done = subprocess.run(line, cwd=self._folder, stdout=out, stderr=out, check=False)
        if done.returncode != 0:
            words_said = self._folder.with_suffix(".out").read_text(errors="replace")[-500:]
            raise DrillFailed(f"{program} failed: {words_said}")


def programs() -> Path:
    """The folder of the newest installed server."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise DrillFailed("PostgreSQL's server is not installed: apt-get install postgresql")
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


def _ordinary() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DrillFailed("PostgreSQL does not run as root, and there is no user postgres or nobody")
