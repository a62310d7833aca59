"""Every reader of input from outside does work that grows with its input, not with its square."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from console.app_list import APPS
from tests.badinput.linear import Row, check
from tests.badinput.rows import ROWS

#: calls that read text or bytes of somebody else
PARSES = {
    ("json", "loads"), ("json", "load"), ("strict_json", "read"), ("ast", "parse"),
    ("csv", "reader"), ("csv", "DictReader"), ("yaml", "safe_load"), ("tokenize", "tokenize"),
}  # fmt: skip
#: modules that parse and need no row: what they read is the platform's own
OWN = {
    "accounts.engine.catalog": "the catalogue of this release",
    "accounts.principal": "the tags of a user, bounded when they were saved",
    "accounts.policy.system": "the system policies of this release",
    "accounts.signin.setup": "the supervisor's own state file",
    "compute.backends.reports": "an order that the backend wrote",
    "compute.engines.build": "what pip printed in the engine's own environment",
    "compute.engines.manage": "the state file of a build of ours",
    "compute.runner.orders": "an order that the backend wrote",
    "compute.runner.outputs": "the runner's own list of uploads",
    "compute.runner.spec": "the document that the backend wrote",
    "compute.runner.starter": "an order that the backend wrote",
    "compute.runner.state": "the runner's own state; its parts are bounded where they are made",
    "compute.runner.storage": "an answer of the platform's own API, of 4 MiB at most",
    "compute.runner.uploads": "a note that the runner made itself",
    "compute.sandbox.process": "one line of bubblewrap",
    "core.identity.places": "the markers that this installation wrote itself",
    "core.budget": "messages between a process and its own child, of 8 MiB at most",
    "console.api.idempotency": "an answer of the API itself",
    "ops.drill.client": "the demo's own file",
    "ops.drill.report": "reports of the drill",
    "console.settings": "the installation's own secrets",
    "ops.supervisor.environment": "the supervisor's own file",
    "ops.supervisor.lock": "the supervisor's own file",
    "compute.sandbox.syscalls": "the table of system calls of this release",
    "ops.backup.check": "a list that the platform wrote beside a backup",
    "ops.backup.make": "the installation's own secrets",
    "ops.backup.manifest": "what the platform wrote into a backup; its digest is checked",
    "ops.backup.restore": "the mark of a restore of ours",
    "training.job.values": "values sealed by the platform; their number is bounded as input",
    "registry.package.service_code": "in a child: tests/registry/test_package_hostile.py",
    "serving.service.instances": "one line of at most 500 characters, read by core.strict_json",
    "serving.service.probe": "an answer of at most 1 MiB, read by core.strict_json",
    "console.ui.vendor": "what npm said when libraries are vendored",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_four_times_the_input_is_four_times_the_work(row: Row) -> None:
    check(row)


def test_the_comparison_finds_what_is_quadratic() -> None:
    """The way in which repeated names were found once, and a search inside Python."""

    def counted(pairs: list[tuple[str, int]]) -> list[str]:
        names = [name for name, _value in pairs]
        return sorted({name for name in names if names.count(name) > 1}, key=names.index)

    def looked_up(pairs: list[tuple[str, int]]) -> int:
        return sum(1 for one in pairs for other in pairs if one is other)

    def pairs(n: int) -> list[tuple[str, int]]:
        return [(f"{i:x}", i) for i in range(n)]

    for read in (counted, looked_up):
        with pytest.raises(AssertionError, match="for 500"):
            check(Row("quadratic", read, pairs, n=500, most=2000))
    check(Row("linear", lambda given: sorted(given), pairs))


def test_every_module_that_parses_has_a_row() -> None:
    named = {row.name.partition(":")[0].partition(",")[0] for row in ROWS}
    found, unused = set(), set(OWN)
    for module, tree in modules():
        if not any(parses(node) for node in ast.walk(tree)):
            continue
        found.add(module)
        unused.discard(module)
        assert (module in named) != (module in OWN), (
            f"{module} parses: give it a row in tests/badinput/rows.py, or a reason in OWN"
        )
    assert not unused, f"stale: {sorted(unused)}"
    assert len(found) > 10


def modules() -> Iterator[tuple[str, ast.Module]]:
    base = Path(settings.BASE_DIR)
    for room in APPS:
        for file in sorted((base / room).rglob("*.py")):
            dotted = ".".join(file.relative_to(base).with_suffix("").parts)
            if "migrations" in dotted or "modelserver" in dotted:
                continue  # the model server reads inside the sandbox, and is not the platform
            yield dotted.removesuffix(".__init__"), ast.parse(file.read_text())


def parses(node: Any) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in PARSES
    )
