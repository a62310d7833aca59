"""The contract between the platform and the runner: one JSON document per attempt.

The platform writes `RunSpec.to_json()` through a backend's `launch`; the runner reads it with
`RunSpec.load()`. Anything the runner does not understand is refused with every problem listed at
once, so that a newer platform never half-runs a job on an older runner.

Secrets are not part of the document: `credential_file` names a file of mode 0600 that holds the
bearer token alone and is read again for every request, so the platform may rotate it in place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from compute.sandbox.spec import Limits

SCHEMA = 1
KINDS = ("job", "service")
FETCH_KINDS = ("prefix", "object", "url")
PASSED = ("parameter", "env")
FETCH_ROOTS = ("code", "inputs", "model", "files")
NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")  # house-rule: bounded classes
HYPERPARAMETER = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")  # house-rule: bounded classes
ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}\Z")  # house-rule: bounded classes
ATTEMPT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")  # house-rule: bounded classes
RESERVED_ENV = frozenset({"HOME", "USER", "LOGNAME"})
OWN_ENV = "MODELYARD_"  # how the names of the platform's own variables begin


class SpecError(ValueError):
    """The document breaks the contract; `problems` lists every fault found, not just the first."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The run specification is not valid: " + "; ".join(problems))


@dataclass(frozen=True)
class Fetch:
    """Something to download before the program starts.

    kind "prefix": every object of `bucket` below `prefix` (a directory), sub-directories kept; when
    nothing lies below it and an object has exactly this key, that one object.
    kind "object": the object `prefix` of `bucket`, stored as the file `dest`.
    kind "url": one GET of `url`, a path below the API's base address, stored as the file `dest`.
    `dest` starts with one of FETCH_ROOTS: code/ -> /home/ma-user/modelarts/user-job-dir/,
    inputs/ -> /home/ma-user/modelarts/inputs/, model/ -> /home/mind/model/,
    files/ -> /home/ma-user/. `sha256` (hex) is checked for kinds "object" and "url" when given.
    `skip`: prefixes of keys that kind "prefix" leaves out.
    """

    kind: str
    dest: str
    bucket: str = ""
    prefix: str = ""
    url: str = ""
    sha256: str = ""
    required: bool = True
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "skip", tuple(self.skip))  # a list after JSON


@dataclass(frozen=True)
class Input:
    """A data input: a writable copy in .../inputs/<name>_0.

    access_method: "parameter" passes the path as `--<name>=<path>`, "env" as the variable <name>.
    """

    name: str
    bucket: str
    prefix: str = ""
    access_method: str = "parameter"


@dataclass(frozen=True)
class Output:
    """A data output: .../outputs/<name>_0, passed like an input, copied to the bucket.

    `sync_seconds` is the period of the copy during the run; 0 copies only at the end. predownload:
    what lies at the prefix is copied into the directory before the program starts.
    """

    name: str
    bucket: str
    prefix: str = ""
    sync_seconds: float = 30.0
    access_method: str = "parameter"
    predownload: bool = False


@dataclass(frozen=True)
class Mount:
    """A platform directory shown read-only inside, for example the model server's code."""

    source: str
    target: str


@dataclass(frozen=True)
class FirstRequest:
    """The request that a server is asked after its health, once it is well (see `prober`).

    `body` is base64, because the document is text. `seconds`: for connecting, sending and reading
    together. `answer_bytes`: of the answer's body; a longer one is told as such, and not kept.
    """

    method: str
    path: str
    content_type: str = ""
    body: str = ""
    seconds: float = 30.0
    answer_bytes: int = 1024 * 1024


@dataclass(frozen=True)
class RunSpec:
    """One attempt of one job or one service instance.

    attempt: id of the attempt, also its directory name. token: fencing token, grows with every
    attempt of the same object. directory: absolute attempt directory (the backend fills it in).
    api_url: base address of the API, e.g. "http://127.0.0.1:8000/api/v1".
    code_name + boot_file: the program is <user-job-dir>/<code_name>/<boot_file>, run with
    /opt/engine/bin/python -u; `argv` (absolute paths as seen inside) replaces it for services.
    masked: names of variables and hyperparameters whose values the log shows as `***`.
    hyperparameters: passed in order as `--key=value` (None: the bare flag `--key`).
    engine: absolute directory of the engine's environment, shown at /opt/engine.
    grace_seconds: between SIGTERM and SIGKILL. log_bytes: cap of the kept log.
    socket_dir: host directory shown read-write at /run/modelyard (services).
    uid: 0 lets the runner choose a free one from the platform's range when it runs as root.
    first_request: what a service is asked once it is well; None asks for its health alone.
    """

    attempt: str
    kind: str = "job"
    schema: int = SCHEMA
    token: int = 1
    directory: str = ""
    api_url: str = ""
    credential_file: str = ""
    fetch: tuple[Fetch, ...] = ()
    code_name: str = ""
    boot_file: str = ""
    argv: tuple[str, ...] = ()
    engine: str = ""
    hyperparameters: dict[str, str | None] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    masked: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    network: str = "none"
    grace_seconds: float = 30.0
    log_bytes: int = 64 * 1024 * 1024
    socket_dir: str = ""
    uid: int = 0
    first_request: FirstRequest | None = None

    def secrets(self) -> list[str]:
        """The values that the log must not show."""
        found = (self.env.get(name) or self.hyperparameters.get(name) for name in self.masked)
        return [value for value in found if value]

    def to_json(self) -> str:
        """The document, stable field order, UTF-8."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    def at(self, directory: Path) -> RunSpec:
        """The specification for the directory in which it lies. In a copied or moved data folder
        its paths still lead to where it was: the original's files and credential are not ours."""
        if self.directory == str(directory):
            return self
        before, now = Path(self.directory).parents[2], directory.parents[2]

        def below(text: str) -> str:
            path = Path(text)
            inside = bool(text) and path.is_relative_to(before)
            return str(now / path.relative_to(before)) if inside else text

        return replace(
            self,
            directory=str(directory),
            credential_file=below(self.credential_file),
            engine=below(self.engine),
            socket_dir="",
        )

    @classmethod
    def load(cls, path: Path) -> RunSpec:
        """Read and validate the document at `path`. Raises SpecError, OSError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SpecError([f"{path} is not a JSON document: {error}"]) from error
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Any) -> RunSpec:
        """Build and validate. Raises SpecError with all problems."""
        if not isinstance(data, dict):
            raise SpecError(["the document must be a JSON object"])
        if data.get("schema") != SCHEMA:
            schema = data.get("schema")
            raise SpecError([f"schema {schema!r} is unknown; this runner reads {SCHEMA}"])
        problems: list[str] = []
        values = dict(data)
        for key in (*_LISTS, "argv", "masked"):
            if not isinstance(data.get(key, []), list | tuple):
                raise SpecError([f"{key} must be a list"])
        for key, kind in _LISTS.items():
            values[key] = tuple(
                _build(kind, item, f"{key}[{i}]", problems)
                for i, item in enumerate(data.get(key) or ())
            )
        values["limits"] = _build(Limits, data.get("limits") or {}, "limits", problems)
        values["argv"] = tuple(data.get("argv") or ())
        values["masked"] = tuple(data.get("masked") or ())
        if (first := data.get("first_request")) is not None:
            values["first_request"] = _build(FirstRequest, first, "first_request", problems)
        for key in ("hyperparameters", "env"):
            if not isinstance(data.get(key, {}), dict):
                raise SpecError([f"{key} must be an object"])
        spec: RunSpec = _build(cls, values, "document", problems)
        if problems:
            raise SpecError(problems)
        problems = spec.problems()
        if problems:
            raise SpecError(problems)
        return spec

    def problems(self) -> list[str]:
        """Every broken rule as a sentence; empty when the document may run."""
        found = [*self._text_problems(), *self._program_problems(), *self._data_problems()]
        found += [f"limits: {text}" for text in self.limits.problems()]
        return found

    def _text_problems(self) -> list[str]:
        found = []
        if self.kind not in KINDS:
            found.append(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if not ATTEMPT.match(str(self.attempt)):
            found.append("attempt must be letters, digits and '-', at most 64")
        if not isinstance(self.token, int) or self.token < 0:
            found.append("token must be a whole number, 0 or more")
        for key in ("directory", "engine", "credential_file", "socket_dir"):
            value = getattr(self, key)
            if value and not value.startswith("/"):
                found.append(f"{key} must be an absolute path, not {value!r}")
        if self.network not in ("none", "egress"):
            found.append("network must be 'none' or 'egress'")
        if self.grace_seconds < 0:
            found.append("grace_seconds must not be negative")
        if self.log_bytes < 65536:
            found.append("log_bytes must be at least 65536")
        for name, value in self.env.items():
            if not ENV_NAME.match(name) or name in RESERVED_ENV:
                found.append(f"environment variable {name!r} is not allowed")
            elif not isinstance(value, str) or "\0" in value:
                found.append(f"environment variable {name!r} must be text without NUL")
        return found

    def _program_problems(self) -> list[str]:
        found = []
        if bool(self.argv) == bool(self.boot_file):
            found.append("give either argv or boot_file")
        if self.argv and not all(isinstance(a, str) and "\0" not in a for a in self.argv):
            found.append("argv must be texts without NUL")
        if self.boot_file:
            if not is_safe_relative(self.boot_file):
                found.append(f"boot_file {self.boot_file!r} must be relative, without '..'")
            if not NAME_OF_DIRECTORY.match(self.code_name):
                found.append(f"code_name {self.code_name!r} must be one directory name")
            if not self.engine:
                found.append("boot_file needs an engine")
        for key, value in self.hyperparameters.items():
            if not HYPERPARAMETER.match(key):
                found.append(f"hyperparameter name {key!r} must match {HYPERPARAMETER.pattern}")
            elif value is not None and (not isinstance(value, str) or "\0" in value):
                found.append(f"hyperparameter {key!r} must be text without NUL")
        return found

    def _data_problems(self) -> list[str]:
        found = []
        names = [*(item.name for item in self.inputs), *(item.name for item in self.outputs)]
        for name in names:
            if not NAME.match(name):
                found.append(f"input or output name {name!r} must match {NAME.pattern}")
        for name, count in Counter([*names, *self.hyperparameters]).items():
            if count == 1:
                continue
            found.append(f"the parameter name {name!r} is used twice")
        for fetch in self.fetch:
            found += _fetch_problems(fetch)
        places: list[Input | Output] = [*self.inputs, *self.outputs]
        for place in places:
            if place.access_method not in PASSED:
                found.append(f"{place.name!r}: access_method is one of {', '.join(PASSED)}")
            elif place.access_method == "env" and not (
                ENV_NAME.match(place.name)
                and place.name not in {*RESERVED_ENV, *self.env}
                and not place.name.startswith(OWN_ENV)
            ):
                found.append(f"{place.name!r} cannot be an environment variable of its own")
        found += [f"{place.name!r} names no bucket" for place in places if not place.bucket]
        if self.kind == "service" and self.outputs:
            found.append("a service has no outputs")
        if self.kind != "service" and self.first_request is not None:
            found.append("only a service has a first_request")
        needs_api = self.fetch or self.inputs or self.outputs
        if needs_api and not self.api_url.startswith(("http://", "https://")):
            found.append("fetch, inputs and outputs need api_url (http:// or https://)")
        if needs_api and not self.credential_file:
            found.append("fetch, inputs and outputs need credential_file")
        for mount in self.mounts:
            if not (mount.source.startswith("/") and mount.target.startswith("/")):
                found.append(f"mount {mount.source!r} -> {mount.target!r} must be absolute paths")
        return found


NAME_OF_DIRECTORY = re.compile(r"^(?!\.\.?\Z)[^/\0]{1,200}\Z")  # house-rule: bounded classes
_LISTS: dict[str, type] = {"fetch": Fetch, "inputs": Input, "outputs": Output, "mounts": Mount}


def is_safe_relative(path: str) -> bool:
    """True for a relative path that stays below its root: no '', '.', '..', NUL or leading '/'."""
    if not path or "\0" in path or path.startswith("/"):
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _fetch_problems(item: Fetch) -> list[str]:
    found = []
    label = f"fetch to {item.dest!r}"
    if item.kind not in FETCH_KINDS:
        found.append(f"{label}: kind {item.kind!r} is not one of {', '.join(FETCH_KINDS)}")
    if not is_safe_relative(item.dest) or PurePosixPath(item.dest).parts[0] not in FETCH_ROOTS:
        found.append(f"{label}: dest must start with one of {', '.join(FETCH_ROOTS)}, without '..'")
    if item.kind == "url" and not item.url.startswith("/"):
        found.append(f"{label}: url must be a path below the API's address, starting with '/'")
    if item.kind in ("prefix", "object") and not item.bucket:
        found.append(f"{label}: names no bucket")
    return found


def _build(kind: type, data: Any, label: str, problems: list[str]) -> Any:
    if isinstance(data, kind):
        return data
    if not isinstance(data, dict):
        problems.append(f"{label} must be an object")
        return None
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(data) - known)
    if unknown:
        problems.append(f"{label} has unknown fields: {', '.join(unknown)}")
        return None
    try:
        return kind(**data)
    except TypeError as error:
        problems.append(f"{label}: {error}")
        return None
