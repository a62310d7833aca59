"""Why a program ended: a stable reason code, a sentence, and the proof it rests on.

The codes and what each needs as proof follow the product's table of reasons (docs/mechanisms/
runner.md). Nothing is guessed: without proof the code says only what was seen.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from compute.runner.sentences import say
from compute.sandbox.spec import MODEL, Limits
from core.said import data_of
from core.visible import visible_lines

TRACEBACK = "Traceback (most recent call last):"
MAX_LINE = 2000  # characters of a line that are looked at
MAX_PATH = 1024
DISK = ("[errno 28]", "[errno 122]", "no space left on device", "disk quota exceeded")
FILE_TOO_LARGE = ("[errno 27]", "file too large")
GPU_OOM = ("cuda out of memory", "torch.outofmemoryerror", "torch.cuda.outofmemoryerror")
MEMORY = ("memoryerror", "cannot allocate memory", "can't allocate memory")


@dataclass(frozen=True)
class Verdict:
    """code "" means success. exception: last exception line; location: file:line of user code."""

    code: str
    message: str
    exception: str = ""
    location: str = ""
    #: the message by its code (compute.runner.sentences), where a budgeted child found it
    said: dict[str, Any] | None = None


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
        memory = seen.limits.memory_mb
        if seen.peak_bytes:
            said = say("OOM_USED", peak=_mb(seen.peak_bytes), memory=memory)
        else:
            said = say("OOM_NEEDED", memory=memory)
        return Verdict(
            "OOM_HOST",
            said,
            exception,
            location,
        )
    if seen.too_deep:
        return Verdict(
            "DISK_FULL",
            say("DISK_TOO_DEEP", too_deep=seen.too_deep),
            exception,
            location,
        )
    if seen.too_many_files:
        return Verdict(
            "DISK_FULL",
            say(
                "DISK_TOO_MANY_FILES",
                too_many_files=seen.too_many_files,
                files=seen.limits.files,
            ),
            exception,
            location,
        )
    if seen.disk_exceeded:
        return Verdict(
            "DISK_FULL",
            say("DISK_FILLED", disk_mb=seen.limits.disk_mb),
            exception,
            location,
        )
    if not seen.sandbox_reported:
        line = next((text for text in reversed(_lines(seen.tail)) if text.strip()), "")
        return Verdict(
            "SANDBOX_FAILED",
            say("SANDBOX_FAILED", line=line[:300]),
        )
    if not failed:
        if seen.service:
            return Verdict(
                "SERVICE_EXITED",
                say("SERVICE_EXITED"),
            )
        return Verdict("", "")
    return _by_text(seen, exception, location)


def _by_text(seen: Evidence, exception: str, location: str) -> Verdict:
    code = seen.exit_code
    if _holds(exception, GPU_OOM):
        return Verdict("OOM_GPU", say("OOM_GPU", exception=exception), exception, location)
    if _holds(exception, FILE_TOO_LARGE) or code == 128 + signal.SIGXFSZ:
        return Verdict(
            "DISK_FULL",
            say("FILE_TOO_LARGE", file_size_mb=seen.limits.file_size_mb),
            exception,
            location,
        )
    if _holds(exception, DISK):
        return Verdict(
            "DISK_FULL",
            say("NO_SPACE_LEFT", exception=exception, tmp_mb=seen.limits.tmp_mb),
            exception,
            location,
        )
    if _holds(exception, MEMORY) and not seen.memory_is_per_job:
        return Verdict(
            "OOM_HOST",
            say("OOM_RAN_OUT", memory_mb=seen.limits.memory_mb, exception=exception),
            exception,
            location,
        )
    missing = _missing_module(exception)
    if missing:
        return Verdict(
            "NO_MODULE",
            say("NO_MODULE", missing=missing),
            exception,
            location,
        )
    refused = _refused_arguments(seen.tail) if code == 2 and not exception else ""
    if refused:
        return Verdict(
            "BAD_ARGS",
            say("BAD_ARGS", refused=refused[:300]),
        )
    if code == 137:
        return Verdict(
            "KILLED_137",
            say("KILLED_137"),
            exception,
            location,
        )
    if code > 128 and not exception:
        return Verdict(
            "USER_CODE",
            say("ENDED_BY_SIGNAL", signal_name=signal_name(code - 128)),
            exception,
            location,
        )
    if exception:
        place = f" ({location})" if location else ""
        return Verdict(
            "USER_CODE",
            f"{exception[:300]}{place}",
            exception,
            location,
        )
    return Verdict(
        "USER_CODE",
        say("ENDED_WITH_CODE", code=code),
    )


def judge(given: dict[str, Any]) -> dict[str, Any]:
    """`classify` for `core.budget.run_bounded`: Evidence and Verdict as JSON."""
    found = classify(Evidence(**{**given, "limits": Limits(**given["limits"])}))
    return {**asdict(found), "message": str(found.message), "said": data_of(found.message)}


def readable(output: bytes) -> str:
    """A program's output as text for people, databases and JSON: terminal colours are left out,
    what is no UTF-8 becomes "\ufffd", and characters that act on a reader become visible."""
    text = output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return visible_lines(_without_colours(text))


def _without_colours(text: str) -> str:
    """The text without terminal control sequences (ECMA-48: CSI and OSC), in one pass."""
    parts = text.split("\x1b")
    kept = [parts[0]]
    osc = False  # inside an operating system command, which a bell or ESC \\ ends
    for part in parts[1:]:
        if osc:
            osc = False
            kept.append(part.removeprefix("\\"))
        elif part.startswith("["):
            rest = part[1:].lstrip("0123456789;:<=>?").lstrip(" !\"#$%&'()*+,-./")
            kept.append(rest[1:] if rest[:1] and "@" <= rest[0] <= "~" else f"\x1b{part}")
        elif part.startswith("]"):
            _command, bell, rest = part.partition("\x07")
            kept.append(rest)
            osc = not bell
        else:
            kept.append(f"\x1b{part}")
    return "".join(kept)


def last_exception(tail: str, code_root: str) -> tuple[str, str]:
    """The last exception line of the last traceback and "file:line", best from the user's code.

    The file is shown relative to the code directory when it lies there. Empty texts when the log
    ends without a traceback.
    """
    start = tail.rfind(TRACEBACK)
    if start < 0:
        return _syntax_error(tail, code_root)
    lines = _lines(tail[start:])
    first = next((one for one in lines[1:] if one.strip() and not one.startswith((" ", "\t"))), "")
    exception = first.strip() if _is_exception(first) else ""
    return exception, _location(lines, code_root)


def _syntax_error(tail: str, code_root: str) -> tuple[str, str]:
    """A SyntaxError of the boot file is printed without the word Traceback."""
    lines = _lines(tail)
    for line in reversed(lines):
        if line.startswith(("SyntaxError:", "IndentationError:", "TabError:")):
            return line.strip(), _location(lines, code_root)
    return "", ""


def _lines(text: str) -> list[str]:
    """Its lines, each cut to what is looked at."""
    return [line[:MAX_LINE] for line in text.split("\n")]


def _is_exception(line: str) -> bool:
    """`package.Name: words`, or the name alone."""
    name = line.partition(":")[0].rstrip()
    return (
        name[:1].isascii()
        and (name[:1].isalpha() or name[:1] == "_")
        and name.replace(".", "_").isidentifier()
    )


def _location(lines: list[str], code_root: str) -> str:
    frames = [frame for line in lines if (frame := _frame(line)) is not None]
    if not frames:
        return ""
    root = code_root.rstrip("/") + "/" if code_root else ""
    own = [frame for frame in frames if root and frame[0].startswith(root)]
    file, line = own[-1] if own else frames[-1]
    return f"{file.removeprefix(root)}:{line}"


def _frame(line: str) -> tuple[str, str] | None:
    """File and line number of `File "x.py", line 3, in f`; groups of exceptions indent it with
    bars."""
    text = line.lstrip(" \t|")
    if not text.startswith('File "'):
        return None
    file, quote, rest = text[6:].partition('"')
    if not quote or not 0 < len(file) <= MAX_PATH or not rest.startswith(", line "):
        return None
    digits = "".join(_while(rest[7:17], "0123456789"))
    return (file, digits) if digits else None


def _refused_arguments(tail: str) -> str:
    """What the last `program: error: words` says (argparse)."""
    for line in reversed(_lines(tail)):
        program, found, words = line.partition(": error: ")
        if found and words and program and " " not in program and "\t" not in program:
            return words
    return ""


def _missing_module(exception: str) -> str:
    """The name in `No module named 'x.y'`."""
    after = exception.partition("No module named ")[2].removeprefix("'")[:200]
    name = "".join(one if one.isalnum() or one in "._" else " " for one in after)
    return name.split(" ", 1)[0]


def _holds(exception: str, words: tuple[str, ...]) -> bool:
    folded = exception.lower()
    return any(word in folded for word in words)


def _while(text: str, allowed: str) -> Iterator[str]:
    for one in text:
        if one not in allowed:
            return
        yield one


def signal_name(number: int) -> str:
    """SIGSEGV for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _mb(size: int) -> str:
    return f"{size / (1024 * 1024):.0f}"
