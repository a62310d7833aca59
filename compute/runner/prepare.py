"""The last checks before the program starts, and the sandbox it starts in."""

from __future__ import annotations

import os
from pathlib import Path

from compute.engines.hold import hold
from compute.runner.failures import Failure
from compute.runner.identity import Identity
from compute.runner.layout import Layout
from compute.runner.sentences import say
from compute.runner.spec import RunSpec
from compute.sandbox.command import write_etc
from compute.sandbox.spec import SandboxSpec


def prepare(spec: RunSpec, layout: Layout, identity: Identity) -> SandboxSpec:
    """Make output directories, hand work/ to the job's identity, describe the sandbox.

    Raises Failure ENGINE_MISSING, BOOT_FILE_MISSING.
    """
    # The descriptor stays open as long as this process lives, and so does the engine.
    held = hold(Path(spec.engine)) if spec.engine else -1
    if held is None or (spec.engine and not Path(spec.engine, "bin/python").exists()):
        raise Failure(
            "ENGINE_MISSING",
            say("ENGINE_MISSING", engine=spec.engine),
        )
    if spec.boot_file:
        check_boot_file(spec, layout)
    for output in spec.outputs:
        layout.output_dir(output.name).mkdir(parents=True, exist_ok=True)
    write_etc(layout.etc, spec.network)
    if identity.uid:
        layout.own(identity.uid, identity.gid)
        if spec.socket_dir:
            os.chown(spec.socket_dir, identity.uid, identity.gid)
        if not layout.isolated:
            open_to_identity(spec, layout)
    return SandboxSpec(
        argv=layout.argv(spec),
        cwd=layout.cwd(spec),
        etc_dir=str(layout.etc),
        binds=layout.binds(spec),
        env=layout.env(spec),
        limits=spec.limits,
        network=spec.network,
        uid=identity.uid,
        gid=identity.gid,
    )


def open_to_identity(spec: RunSpec, layout: Layout) -> None:
    """Without isolation nothing is bound: the job's identity must reach its files by itself.

    Raises Failure SANDBOX_FAILED naming the directory that bars the way.
    """
    for directory in (layout.directory, layout.directory.parent):
        directory.chmod(0o711)
    for path in (layout.work, Path(spec.engine or "/usr")):
        for parent in path.resolve().parents:
            if not parent.stat().st_mode & 0o001:
                raise Failure(
                    "SANDBOX_FAILED",
                    say("DIRECTORY_CLOSED", parent=str(parent)),
                )


def check_boot_file(spec: RunSpec, layout: Layout) -> None:
    """Raises Failure BOOT_FILE_MISSING with what was probably meant."""
    code = layout.code_dir(spec)
    if (code / spec.boot_file).is_file():
        return
    name = Path(spec.boot_file).name
    found = sorted(str(path.relative_to(code)) for path in code.rglob("*.py") if path.is_file())
    same = [path for path in found if Path(path).name == name]
    if same:
        hint = say("BOOT_FILE_MEANT", path=same[0])
    elif found:
        hint = say("BOOT_FILES_THERE", paths=", ".join(found[:8]))
    else:
        hint = say("NO_PYTHON_FILE")
    raise Failure(
        "BOOT_FILE_MISSING",
        say("BOOT_FILE_MISSING", boot_file=spec.boot_file, code_name=spec.code_name, hint=hint),
    )
