"""House rules that ruff, djlint and import-linter cannot express.

A line that breaks a rule for a good reason says so on the line itself: `# house-rule: <reason>`
(in templates `{# house-rule: <reason> #}`). An excuse that excuses nothing is an error too.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from console.app_list import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
WIDEST = 120
#: links and code are not broken, nor is a word
ATOM = re.compile(r"(?:!?\[(?:`[^`]*`|[^\]`])*\]\([^)\s]+\)|`[^`]+`|\S)+")
EXCUSE = re.compile(r"(?:#|\{#)\s*house-rule:\s*\S")


@dataclass(frozen=True)
class Rule:
    """A pattern no line of certain files may hold."""

    pattern: str
    reason: str
    suffixes: tuple[str, ...] = (".py",)
    everywhere: bool = False
    """Also outside the packages: tests, samples, benchmarks."""
    only: tuple[str, ...] = ()
    """Files and folders that it is about, where it is not about all."""
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "regex", re.compile(self.pattern))


#: what reads logs, packages, files of datasets and answers of programs
READERS = (
    "compute/logtext.py",
    "compute/runner/",
    "core/budget.py",
    "core/strict_json.py",
    "core/visible.py",
    "datasets/idx/",
    "datasets/version/",
    "registry/package/",
    "serving/service/instances.py",
    "serving/service/probe.py",
    "training/job/metrics.py",
    "training/job/watch.py",
)
RULES = (
    Rule(
        r"\bre\.\w+\(",
        "a tenant wrote this text: find, partition and startswith on bounded lines; or say why "
        "the expression is linear (docs/mechanisms/hostile-text.md)",
        only=READERS,
    ),
    Rule(
        r"\b(TODO|FIXME|XXX|HACK)\b",
        "finish it, or write it down in docs/",
        (".py", ".html", ".js"),
        True,
    ),
    Rule(r"\bcsrf_exempt\b", "forms carry a token; the API authenticates by header"),
    Rule(r"\bAllowAny\b", "no permission default means anyone"),
    Rule(r"permission_classes\s*=", "a view declares an action, not permission classes"),
    Rule(r"\bmark_safe\(|\bSafeString\(", "markup belongs in a template, use format_html"),
    Rule(r"\|\s*safe\b", "escape it, or build the markup in a component", (".html",)),
    Rule(
        r"\bre\.\w+\(.*\$[\"']",
        r"$ lets a line feed through at the end: \Z, or fullmatch without it",
    ),
    Rule(r"shell=True", "pass a list of arguments"),
    Rule(r"\bpickle\.loads?\(", "pickled data runs code when read"),
    Rule(r"verify=False", "a connection that checks nothing protects nothing"),
    Rule(
        r"\bobjects\.(raw|extra)\(|\)\.extra\(",
        "use the ORM; raw SQL goes through a cursor in queries.py",
    ),
    Rule(
        r"(?:\.(?:wait|join|result)\((?:timeout=)?|communicate\(timeout=)"
        r"(?:[1-9]|[1-5]\d)(?:\.\d+)?\)",
        "a busy machine stops a process for tens of seconds: 60 s at least (tests/waiting.py)",
        everywhere=True,
        only=("tests/",),
    ),
    Rule(r"fields\s*=\s*[\"']__all__[\"']", "the API is a contract: name the fields"),
    Rule(r"^\s*from \S+ import \*", "import names"),
    Rule(r"\sstyle=\"[^\"{]*\"", "the content security policy drops inline styles", (".html",)),
    Rule(r"\son[a-z]+=\"", "the content security policy drops inline handlers", (".html",)),
    Rule(r"(src|href)=\"(https?:)?//", "vendor it: pages load nothing from elsewhere", (".html",)),
)


def tracked() -> list[Path]:
    """Files under version control or about to be."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def wide_lines(lines: Iterable[str]) -> Iterator[int]:
    """Numbers of the lines of a Markdown file that are too long and can be wrapped: not those of
    code and of tables, nor a link or word that is too long by itself."""
    fenced, before = False, ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith(("```", "~~~")):
            fenced = not fenced
        code = line.startswith("    ") and (not before.strip() or before.startswith("    "))
        if len(line) > WIDEST and not fenced and not code and not text.startswith("|"):
            words = re.sub(r"^(?:[-*+]|\d+\.)\s+", "", text)
            if len(ATOM.findall(words)) > 1:
                yield number
        before = line


def findings(path: Path) -> Iterator[str]:
    """What is wrong with one file, as `path:line: rule`."""
    relative = path.relative_to(ROOT)
    if path == Path(__file__) or "migrations" in relative.parts or relative.parts[0] == "static":
        return
    inside = relative.parts[0] in (*PACKAGES, "templates")
    rules = [
        rule
        for rule in RULES
        if path.suffix in rule.suffixes
        and (inside or rule.everywhere)
        and (not rule.only or relative.as_posix().startswith(rule.only))
    ]
    if path.suffix not in (".py", ".md") and not rules:
        return
    lines = path.read_text(errors="replace").splitlines()
    if path.suffix == ".py" and len(lines) > MOST_LINES:
        yield f"{relative}: {len(lines)} lines; split by resource, {MOST_LINES} is the most"
    if path.suffix == ".md":
        for number in wide_lines(lines):
            yield f"{relative}:{number}: longer than {WIDEST} characters; wrap it"
    for number, line in enumerate(lines, start=1):
        broken = [rule for rule in rules if rule.regex.search(line)]
        excused = EXCUSE.search(line)
        if excused and inside and not broken:
            yield f"{relative}:{number}: excused, but breaks no house rule; remove the excuse"
        for rule in broken if not excused else ():
            yield f"{relative}:{number}: {rule.regex.pattern!r}: {rule.reason}"


def main() -> int:
    found = [text for path in tracked() for text in findings(path)]
    sys.stdout.writelines(f"{text}\n" for text in found)
    sys.stdout.write(f"house rules: {len(found) or 'nothing'} found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
