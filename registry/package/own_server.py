"""``command``, ``port``, ``protocol`` and ``health`` of config.json: a package with its own server.

Rules: ModelArts "Specifications for Custom Images" (8080 by default, bind 0.0.0.0, a health check).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from .layout import CONFIG
from .report import PackageReport, said

DEFAULT_PORT = 8080
FIRST_PORT, LAST_PORT = 1024, 65535
MAX_WORDS, MAX_COMMAND = 100, 8192
EXAMPLE = '"command": ["python", "serve.py"]'
# A path that means the same to everybody who reads it: no query, no fragment, no template.
PATH = re.compile(  # house-rule: one class or an escape per place, on 512 characters at most
    r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
)
MAX_PATH = 512
SHELL_WORDS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"})
SHELLS = ("sh", "bash", "dash")
OWN_FIELDS = ("command", "port", "protocol")
#: field of `health` -> least and greatest value
HEALTH_NUMBERS = {
    "initial_delay_seconds": (0, 1200),
    "timeout_seconds": (1, 60),
    "period_seconds": (1, 300),
    "failure_threshold": (1, 100),
}


def check_own_server(
    raw: dict[str, Any], config: dict[str, Any], report: PackageReport, files: Collection[str]
) -> None:
    """Check what only ``model_type`` Custom has; fill in its defaults.

    ``files``: paths of the package, to find a script that the command names and the package lacks.
    """
    if report.model_type != "Custom":
        for key in OWN_FIELDS:
            if key in raw:
                report.warn(
                    "COMMAND_IGNORED",
                    CONFIG,
                    f"`{key}` applies to model_type Custom only.",
                    "Remove it, or set model_type to Custom.",
                    f"$.{key}",
                )
        return
    command = _command(raw.get("command"), report)
    if command:
        config["command"] = command
        _check_words(command, report)
        _check_script(command, report, files)
    config["port"] = _port(raw.get("port", DEFAULT_PORT), report)
    config["protocol"] = _protocol(raw.get("protocol", "HTTP"), "$.protocol", report)


def _command(raw: Any, report: PackageReport) -> list[str]:
    """The words of the command; an empty list after an error."""
    where = "$.command"
    if raw is None:
        report.error(
            "COMMAND_MISSING",
            CONFIG,
            "`command` is required when model_type is Custom: it starts the server.",
            f"Example: {EXAMPLE}.",
            where,
        )
        return []
    words: list[Any]
    if isinstance(raw, str):
        try:
            words = list(shlex.split(raw))
        except ValueError as error:
            report.error(
                "COMMAND_SPLIT",
                CONFIG,
                f"`command` cannot be split into words: {str(error).lower()}.",
                f"Close the quotes, or write a list. Example: {EXAMPLE}.",
                where,
            )
            return []
        shell = sorted(SHELL_WORDS & set(words))
        if shell:
            report.error(
                "COMMAND_SHELL",
                CONFIG,
                f"`command` is run without a shell; {' '.join(shell)} would be given to the "
                "program as it stands.",
                'Put it into a script, or write ["sh", "-c", "..."].',
                where,
            )
            return []
    elif isinstance(raw, list) and all(isinstance(word, str) for word in raw):
        words = list(raw)
    else:
        report.error(
            "COMMAND_TYPE",
            CONFIG,
            "`command` must be a list of texts, or one text.",
            f"Example: {EXAMPLE}.",
            where,
        )
        return []
    if not words or not words[0].strip():
        report.error(
            "COMMAND_EMPTY", CONFIG, "`command` names no program.", f"Example: {EXAMPLE}.", where
        )
        return []
    if len(words) > MAX_WORDS or sum(len(word) for word in words) > MAX_COMMAND:
        report.error(
            "COMMAND_LONG",
            CONFIG,
            f"`command` has {len(words)} words and {sum(map(len, words)):,} characters; at most "
            f"{MAX_WORDS} and {MAX_COMMAND:,} are allowed.",
            "Put it into a script and name that.",
            where,
        )
        return []
    if any(not char.isprintable() for word in words for char in word):
        report.error(
            "COMMAND_CHARS",
            CONFIG,
            "`command` contains a line break or another control character.",
            "Put it into a script and name that.",
            where,
        )
        return []
    return words


def _check_words(command: list[str], report: PackageReport) -> None:
    if PurePosixPath(command[0]).name in SHELLS:
        return
    word = next((word for word in command if _has_variable(word)), None)
    if word is not None:
        report.warn(
            "COMMAND_VARIABLE",
            CONFIG,
            f"`{word}` is given to the program as it stands: no shell puts variables in.",
            'Write ["sh", "-c", "exec ..."], or read the variable in the program.',
            "$.command",
        )


def _check_script(command: list[str], report: PackageReport, files: Collection[str]) -> None:
    """The file that the command surely needs: its own first word, or an interpreter's script."""
    place, name = 0, command[0]
    if "/" not in name:
        if not _is_interpreter(name) or len(command) < 2 or command[1].startswith("-"):
            return
        place, name = 1, command[1]
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return  # of the engine or the system: known when it is started
    if str(PurePosixPath("model", path)) not in files:
        report.error(
            "COMMAND_FILE",
            CONFIG,
            f"`command` starts `{name}`, which is not in the package.",
            f"Put it into `model`, or correct the name. The command is run in `model`: "
            f"`model/{path}` is written `{path}`.",
            f"$.command[{place}]",
        )


def _port(raw: Any, report: PackageReport) -> int:
    where = "$.port"
    if isinstance(raw, str) and raw.isascii() and raw.isdecimal() and len(raw) < 7:
        raw = int(raw)
        report.warn("PORT_TEXT", CONFIG, "`port` is text.", "Write it without quotes.", where)
    if type(raw) is not int or not 1 <= raw <= LAST_PORT:
        report.error(
            "PORT_RANGE",
            CONFIG,
            f"`port` is {said(raw)}; it must be a whole number from {FIRST_PORT} to {LAST_PORT}.",
            f"Use {DEFAULT_PORT}.",
            where,
        )
        return DEFAULT_PORT
    if raw < FIRST_PORT:
        report.error(
            "PORT_PRIVILEGED",
            CONFIG,
            f"`port` is {raw}; only root may listen below {FIRST_PORT}, and models run without it.",
            f"Use {DEFAULT_PORT}.",
            where,
        )
        return DEFAULT_PORT
    return raw


def _protocol(raw: Any, where: str, report: PackageReport) -> str:
    """Always HTTP; anything else is an error."""
    if isinstance(raw, str) and raw.strip().upper() == "HTTP":
        return "HTTP"
    if isinstance(raw, str) and raw.strip().upper() == "HTTPS":
        report.error(
            "PROTOCOL_HTTPS",
            CONFIG,
            "The server is asked over HTTP, inside its own sandbox; callers get HTTPS from the "
            "gateway.",
            'Listen without a certificate and write "HTTP".',
            where,
        )
    else:
        report.error(
            "PROTOCOL_UNKNOWN",
            CONFIG,
            f"The protocol is {said(raw)}, not HTTP.",
            'Use "HTTP".',
            where,
        )
    return "HTTP"


def check_health(raw: Any, config: dict[str, Any], report: PackageReport) -> None:
    """The health check of a server that is the package's own."""
    if not isinstance(raw, dict) or not isinstance(raw.get("url"), str):
        report.error(
            "HEALTH_URL", CONFIG, "`health` needs a `url`.", 'Example: "/health".', "$.health.url"
        )
        return
    health = dict(raw)
    if not is_path(health["url"]):
        report.error(
            "HEALTH_URL",
            CONFIG,
            f"The `url` of `health` is `{health['url'][:80]}`; it must be a plain path.",
            'Example: "/health".',
            "$.health.url",
        )
    if "period" in health and "period_seconds" not in health:
        health["period_seconds"] = health.pop("period")
        report.warn(
            "KEY_SPELLING",
            CONFIG,
            "`period` was read as `period_seconds`.",
            "Correct it.",
            "$.health.period",
        )
    if "protocol" in health:
        health["protocol"] = _protocol(health["protocol"], "$.health.protocol", report)
    method = health.get("check_method", "HTTP")
    if not isinstance(method, str) or method.upper() != "HTTP":
        report.error(
            "HEALTH_METHOD",
            CONFIG,
            f"`check_method` is {said(method)}; only HTTP is known here.",
            "Answer GET on a path with status 200, and write HTTP.",
            "$.health.check_method",
        )
    for key in HEALTH_NUMBERS:
        _number(health, key, report)
    config["health"] = health


def _number(health: dict[str, Any], key: str, report: PackageReport) -> None:
    value, where = health.get(key), f"$.health.{key}"
    if value is None:
        return
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 7:
        health[key] = value = int(value)
        report.warn("HEALTH_TEXT", CONFIG, f"`{key}` is text.", "Write a number.", where)
    if type(value) is not int or value < 0:
        report.error(
            "HEALTH_NUMBER",
            CONFIG,
            f"`{key}` must be a whole number.",
            "Write a number.",
            where,
        )
        return
    low, high = HEALTH_NUMBERS[key]
    if not low <= value <= high:
        report.error(
            "HEALTH_RANGE",
            CONFIG,
            f"`{key}` is {value}; it must be from {low} to {high}.",
            f"Use {min(max(value, low), high)}.",
            where,
        )


def command_line(config: dict[str, Any]) -> str:
    """The command of a normalised config.json as one line; "" where it has none."""
    return shlex.join(config.get("command") or [])


def health_line(config: dict[str, Any]) -> str:
    """The health check as one line, for example ``GET /health every 5 s``; "" without one."""
    health = config.get("health") or {}
    if config.get("model_type") != "Custom" or not health.get("url"):
        return ""
    return f"GET {health['url']} · {health.get('period_seconds') or 5} s"


def is_path(text: str) -> bool:
    """A plain path of an url: no spaces, no query, no `..`, at most 512 characters."""
    return len(text) <= MAX_PATH and bool(PATH.fullmatch(text)) and ".." not in text.split("/")


def _has_variable(word: str) -> bool:
    """A `$` that a shell would replace."""
    return any(
        after == "{" or after == "_" or (after.isascii() and after.isalpha())
        for after in (part[:1] for part in word.split("$")[1:])
    )


def _is_interpreter(name: str) -> bool:
    """python, python3, python3.11, or a shell."""
    if name in SHELLS or not name.startswith("python"):
        return name in SHELLS
    major, dot, minor = name.removeprefix("python").partition(".")
    if not dot:
        return major == "" or (len(major) == 1 and major.isdecimal())
    return len(major) == 1 and major.isdecimal() and minor.isdecimal()
