"""Why a program ended: a stable reason code, a sentence, and the proof it rests on.

The codes and what each needs as proof follow the product's table of reasons (docs/mechanisms/
runner.md). Nothing is guessed: without proof the code says only what was seen.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from compute.sandbox.spec import MODEL, Limits

COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
UNPRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
FRAME = re.compile(r'^\s*(?:\|\s*)*File "(?P<file>[^"\n]{1,1024})", line (?P<line>\d+)', re.M)
EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?P<rest>:.*|$)")
ARGPARSE = re.compile(r"^\S+: error: (?P<text>.+)$", re.M)
NO_MODULE = re.compile(r"No module named '?(?P<name>[\w.]+)'?")
DISK = re.compile(r"\[Errno (28|122)\]|No space left on device|Disk quota exceeded", re.I)
FILE_TOO_LARGE = re.compile(r"\[Errno 27\]|File too large", re.I)
GPU_OOM = re.compile(r"CUDA out of memory|torch(\.cuda)?\.OutOfMemoryError", re.I)
MEMORY = re.compile(r"MemoryError\b|Cannot allocate memory|can't allocate memory", re.I)
TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class Verdict:
    """code "" means success. exception: last exception line; location: file:line of user code."""

    code: str
    message: str
    exception: str = ""
    location: str = ""


@dataclass(frozen=True)
class Evidence:
    """What is known about the end of the program."""

    exit_code: int
    oom_kills: int
    tail: str
    code_root: str
    limits: Limits
    memory_is_per_job: bool
    peak_bytes: int = 0
    disk_exceeded: bool = False
    too_many_files: int = 0
    too_deep: int = 0
    sandbox_reported: bool = True
    service: bool = False


def classify(seen: Evidence) -> Verdict:
    """Name the reason of the end. Order: proof by the kernel, then by the sandbox, then by text."""
    root = seen.code_root or (MODEL if seen.service else "")
    exception, location = last_exception(seen.tail, root)
    failed = seen.exit_code != 0
    if seen.oom_kills and failed:
        peak = f"Used {_mb(seen.peak_bytes)} of " if seen.peak_bytes else "Needed more than "
        return Verdict(
            "OOM_HOST",
            f"{peak}{seen.limits.memory_mb} MB memory and was stopped by the "
            "system. Choose a flavor with more memory, or a smaller batch.",
            exception,
            location,
        )
    if seen.too_deep:
        return Verdict(
            "DISK_FULL",
            f"The job nests directories deeper than {seen.too_deep} levels, which nobody can count "
            "or remove in time. Keep the tree flat.",
            exception,
            location,
        )
    if seen.too_many_files:
        return Verdict(
            "DISK_FULL",
            f"The job holds {seen.too_many_files:,} files; its disk has room for "
            f"{seen.limits.files:,}. Pack small files into archives, or delete what is not needed.",
            exception,
            location,
        )
    if seen.disk_exceeded:
        return Verdict(
            "DISK_FULL",
            f"The job filled its disk of {seen.limits.disk_mb} MB. "
            "Write less, delete old checkpoints, or choose a larger disk.",
            exception,
            location,
        )
    if not seen.sandbox_reported:
        line = next((text for text in reversed(seen.tail.splitlines()) if text.strip()), "")
        return Verdict(
            "SANDBOX_FAILED",
            f"The sandbox did not start the program: {line[:300]}. "
            "The administrator finds the missing piece on the compute page.",
        )
    if not failed:
        if seen.service:
            return Verdict(
                "SERVICE_EXITED",
                "The server ended by itself with exit code 0. A server "
                "has to run until it is stopped.",
            )
        return Verdict("", "")
    return _by_text(seen, exception, location)


def _by_text(seen: Evidence, exception: str, location: str) -> Verdict:
    code = seen.exit_code
    if GPU_OOM.search(exception):
        return Verdict(
            "OOM_GPU", f"GPU memory ran out: {exception}. Use a smaller batch.", exception, location
        )
    if FILE_TOO_LARGE.search(exception) or code == 128 + signal.SIGXFSZ:
        return Verdict(
            "DISK_FULL",
            f"A file grew beyond the limit of {seen.limits.file_size_mb} MB "
            "for one file. Split it, or choose a larger disk.",
            exception,
            location,
        )
    if DISK.search(exception):
        return Verdict(
            "DISK_FULL",
            f"No space left: {exception}. /tmp holds "
            f"{seen.limits.tmp_mb} MB and lies in memory; write large files to the "
            "outputs.",
            exception,
            location,
        )
    if MEMORY.search(exception) and not seen.memory_is_per_job:
        return Verdict(
            "OOM_HOST",
            f"Memory ran out at the limit of {seen.limits.memory_mb} MB: "
            f"{exception}. Choose a flavor with more memory, or a smaller batch.",
            exception,
            location,
        )
    missing = NO_MODULE.search(exception)
    if missing:
        return Verdict(
            "NO_MODULE",
            f"The package {missing['name']} is missing in this engine. "
            "Choose another engine, or bring the package with the code.",
            exception,
            location,
        )
    refused = list(ARGPARSE.finditer(seen.tail))
    if code == 2 and refused and not exception:
        return Verdict(
            "BAD_ARGS",
            f"The script does not accept its parameters: "
            f"{refused[-1]['text'][:300]}. Edit the parameters of the job.",
        )
    if code == 137:
        return Verdict(
            "KILLED_137",
            "Killed from outside (SIGKILL); no sign of memory shortage.",
            exception,
            location,
        )
    if code > 128 and not exception:
        return Verdict(
            "USER_CODE",
            f"The program was ended by signal {signal_name(code - 128)}.",
            exception,
            location,
        )
    if exception:
        place = f" ({location})" if location else ""
        return Verdict("USER_CODE", f"{exception[:300]}{place}", exception, location)
    return Verdict(
        "USER_CODE",
        f"The program ended with exit code {code} and no traceback. "
        "The last lines of the log may tell why.",
    )


def readable(output: bytes) -> str:
    """A program's output as text for people, databases and JSON: terminal colours are left out,
    what is no UTF-8 and control characters (PostgreSQL stores no NUL) become "\ufffd"."""
    text = COLOUR.sub("", output.decode("utf-8", "replace").replace("\r\n", "\n"))
    return UNPRINTED.sub("\ufffd", text.replace("\r", "\n"))


def last_exception(tail: str, code_root: str) -> tuple[str, str]:
    """The last exception line of the last traceback and "file:line", best from the user's code.

    The file is shown relative to the code directory when it lies there. Empty texts when the log
    ends without a traceback.
    """
    start = tail.rfind(TRACEBACK)
    if start < 0:
        return _syntax_error(tail, code_root)
    lines = tail[start:].splitlines()
    exception = ""
    for line in lines[1:]:
        if line.startswith((" ", "\t")) or not line.strip():
            continue
        if EXCEPTION.match(line):
            exception = line.strip()
        break
    return exception, _location(tail[start:], code_root)


def _syntax_error(tail: str, code_root: str) -> tuple[str, str]:
    """A SyntaxError of the boot file is printed without the word Traceback."""
    for line in reversed(tail.splitlines()):
        if line.startswith(("SyntaxError:", "IndentationError:", "TabError:")):
            return line.strip(), _location(tail, code_root)
    return "", ""


def _location(text: str, code_root: str) -> str:
    frames = [(found["file"], found["line"]) for found in FRAME.finditer(text)]
    if not frames:
        return ""
    if not code_root:
        return f"{frames[-1][0]}:{frames[-1][1]}"
    root = code_root.rstrip("/") + "/"
    own = [(file, line) for file, line in frames if file.startswith(root)]
    file, line = own[-1] if own else frames[-1]
    return f"{file.removeprefix(root)}:{line}"


def signal_name(number: int) -> str:
    """SIGSEGV for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _mb(size: int) -> str:
    return f"{size / (1024 * 1024):.0f}"
