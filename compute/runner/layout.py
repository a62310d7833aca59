"""Where everything of one attempt lies, on the host and as the program sees it.

    <directory>/            0700, the platform's: spec.json, state.json, token, stop, log/, etc/
    <directory>/work/home/  -> /home/ma-user            the job's identity owns it
    <directory>/work/model/ -> /home/mind/model

Only work/ is shown to the program; the rest stays out of its reach.
"""

from __future__ import annotations

import os
from pathlib import Path

from compute.runner.spec import RunSpec
from compute.sandbox.spec import ENGINE, HOME, MODEL, RUNTIME, Bind

ROOTS = {
    "code": "home/modelarts/user-job-dir",
    "inputs": "home/modelarts/inputs",
    "outputs": "home/modelarts/outputs",
    "model": "model",
    "files": "home",
}
SOCKET_NAME = "server.sock"


class Below:
    """A path below the directory of an attempt, made when it is asked for: of its many paths most
    are not, wherever a layout is made only to look at one file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, layout: Layout, owner: type[Layout]) -> Path:
        return layout.directory / self._name


class Layout:
    """Paths of an attempt. `isolated` False: the program sees host paths (weak sandbox)."""

    work = Below("work")
    volume = Below("volume.img")  # mounted at work/, see compute.runner.volume
    spec = Below("spec.json")
    state = Below("state.json")
    token = Below("token")
    stop = Below("stop")
    lock = Below("runner.lock")
    log = Below("log")
    numbers = Below("numbers")  # what was found in the log, see `numbers`
    etc = Below("etc")
    uploads = Below("uploads.json")
    runner_log = Below("runner.err")
    health = Below("health.json")  # what a server last answered; see `prober`
    first = Below("first.json")
    again = Below("again")
    sockets = Below("run")  # the backend's short socket directory leads here

    def __init__(self, directory: Path, *, isolated: bool = True) -> None:
        self.directory = directory
        self.isolated = isolated

    def host(self, dest: str) -> Path:
        """Host path of a destination such as "code/digits/train.py"."""
        root, _, rest = dest.partition("/")
        return self.work / ROOTS[root] / rest

    def inside(self, path: Path) -> str:
        """The same file or directory as the program sees it."""
        if not self.isolated:
            return str(path)
        relative = path.relative_to(self.work)
        base = {"home": HOME, "model": MODEL}[relative.parts[0]]
        return str(Path(base, *relative.parts[1:]))

    def make(self) -> None:
        """Create the work directories."""
        for sub in ROOTS.values():
            (self.work / sub).mkdir(parents=True, exist_ok=True)

    def own(self, uid: int, gid: int) -> None:
        """Hand work/ to the job's identity. Called before any of the job's code has run."""
        for top, directories, files, descriptor in os.fwalk(self.work):
            del top
            os.fchown(descriptor, uid, gid)
            for name in (*directories, *files):
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)

    def binds(self, spec: RunSpec) -> tuple[Bind, ...]:
        """What the sandbox shows besides the system."""
        found = [
            Bind(str(self.work / "home"), HOME, writable=True),
            Bind(str(self.work / "model"), MODEL, writable=True),
        ]
        if spec.engine:
            found.append(Bind(spec.engine, ENGINE))
        if spec.socket_dir:
            # resolved: the link may lead through this process, and another one binds it
            found.append(Bind(str(Path(spec.socket_dir).resolve()), RUNTIME, writable=True))
        found += [Bind(mount.source, mount.target) for mount in spec.mounts]
        return tuple(found)

    def input_dir(self, name: str) -> Path:
        """Local copy of an input."""
        return self.host(f"inputs/{name}_0")

    def output_dir(self, name: str) -> Path:
        """Directory of an output."""
        return self.host(f"outputs/{name}_0")

    def code_dir(self, spec: RunSpec) -> Path:
        """Directory of the program's code."""
        return self.host(f"code/{spec.code_name}")

    def places(self, spec: RunSpec) -> list[tuple[str, str, str]]:
        """Name, way of passing and path inside of every input, then of every output."""
        found = [(i.name, i.access_method, self.input_dir(i.name)) for i in spec.inputs]
        found += [(o.name, o.access_method, self.output_dir(o.name)) for o in spec.outputs]
        return [(name, method, self.inside(path)) for name, method, path in found]

    def argv(self, spec: RunSpec) -> tuple[str, ...]:
        """The command as the program sees it: nothing beyond what the user declared is added."""
        if spec.argv:
            return spec.argv
        engine = ENGINE if self.isolated else spec.engine
        found = [f"{engine}/bin/python", "-u", self.inside(self.code_dir(spec) / spec.boot_file)]
        places = self.places(spec)
        found += [f"--{name}={path}" for name, method, path in places if method == "parameter"]
        found += [
            f"--{key}" if value is None else f"--{key}={value}"
            for key, value in spec.hyperparameters.items()
        ]
        return tuple(found)

    def env(self, spec: RunSpec) -> dict[str, str]:
        """The whole environment of the program: of the platform's own only whose it is."""
        home = self.inside(self.work / "home")
        engine = ENGINE if self.isolated else spec.engine
        path = f"{engine}/bin:/usr/local/bin:/usr/bin:/bin" if spec.engine else "/usr/bin:/bin"
        found = {
            "HOME": home,
            "USER": "ma-user",
            "LOGNAME": "ma-user",
            "PATH": path,
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp",  # noqa: S108 - a tmpfs of the sandbox's own
            "OMP_NUM_THREADS": str(max(1, int(spec.limits.cpus))),
            "MODELYARD_ATTEMPT": spec.attempt,
        }
        if installation := os.environ.get("MODELYARD_INSTALLATION"):
            found["MODELYARD_INSTALLATION"] = installation
        if spec.socket_dir:
            folder = RUNTIME if self.isolated else spec.socket_dir
            found["MODELYARD_SOCKET"] = f"{folder}/{SOCKET_NAME}"
        places = {name: path for name, method, path in self.places(spec) if method == "env"}
        return {**found, **spec.env, **places}

    def cwd(self, spec: RunSpec) -> str:
        """Working directory: the code directory, or the home when there is no code."""
        return self.inside(self.code_dir(spec) if spec.code_name else self.work / "home")
