"""Decisions per second: the policy engine warm and cold beside a naive evaluator, in one run.

Usage: ``python benchmarks/decide.py [--seconds 2] [--json FILE]``. All rows answer the same
requests; each row also says how often it agrees with the reference evaluator of the tests, on
known actions, on actions the catalogue has never heard of, and on requests without the context
key a condition asks for. Compare only within one run.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accounts.engine import (  # noqa: E402
    CompiledPolicies,
    Policy,
    Request,
    compile_policies,
    default_catalog,
    evaluate,
    load_stored,
    resource_filter,
)
from tests.accounts.engine import naive  # noqa: E402

ACCOUNT = "1000000001"
USERS = 40
REQUESTS = 20_000
Answer = Callable[[int, Request], str]


def make_policies(rng: random.Random, statements: int) -> list[dict[str, Any]]:
    """A user's policies: one broad Allow, then a mix of narrow Allows and Denies, some
    conditional.
    """
    actions = [a.name for a in default_catalog().actions.values()]
    made: list[dict[str, Any]] = [{"Effect": "Allow", "Action": ["modelarts:*:*", "obs:*:*"]}]
    for i in range(statements - 1):
        names = rng.sample(actions, 4)
        service, kind, operation = names[0].split(":")
        names += [f"{service}:{kind}:{operation[:3]}*", f"{service}:*:delete*"][: rng.randint(0, 2)]
        one: dict[str, Any] = {"Effect": "Deny" if i % 4 == 0 else "Allow", "Action": names}
        if i % 3 == 0:
            one["Condition"] = {"StringEquals": {"modelarts:poolType": ["public"]}}
        if i % 5 == 0:
            one["Action"] = ["obs:object:GetObject", "obs:object:PutObject"]
            one["Resource"] = [f"obs:*:*:object:team{i}/*"]
        made.append(one)
    half = len(made) // 2
    return [{"Version": "1.1", "Statement": part} for part in (made[:half], made[half:]) if part]


def make_requests(rng: random.Random) -> tuple[list[tuple[int, Request]], list[str]]:
    actions = [a.name for a in default_catalog().actions.values()]
    asked, kinds = [], []
    for _ in range(REQUESTS):
        action, kind = rng.choice(actions), "known"
        if rng.random() < 0.4:
            action = rng.choice([a for a in actions if a.startswith(("modelarts:", "obs:"))])
        if rng.random() < 0.15:
            action, kind = (
                f"{action.rsplit(':', 1)[0]}:{rng.choice(['do', 'delete', 'list'])}New",
                "unknown",
            )
        context: dict[str, Any] = {"g:UserName": "u"}
        if rng.random() < 0.8:
            context["modelarts:poolType"] = rng.choice(["public", "dedicated"])
        elif kind == "known":
            kind = "missing key"
        resource = None
        if action.startswith("obs:object:") and rng.random() < 0.8:
            resource = f"obs:cn-north-4:{ACCOUNT}:object:team{rng.randint(0, 9)}/a/b.csv"
        asked.append((rng.randrange(USERS), Request(action, resource, context, ACCOUNT)))
        kinds.append(kind)
    return asked, kinds


def by_fnmatch(
    documents: list[dict[str, Any]], action: str, resource: str | None, context: dict[str, Any]
) -> str:
    """The usual quick evaluator: loop over statements, ``fnmatch`` (which caches its
    expressions).
    """
    wanted, effect = action.lower(), "implicit_deny"
    for document in documents:
        for statement in document["Statement"]:
            if not any(fnmatch.fnmatchcase(wanted, p.lower()) for p in statement["Action"]):
                continue
            limits = statement.get("Resource")
            if limits and not any(
                p == "*" or (resource and fnmatch.fnmatchcase(resource, p)) for p in limits
            ):
                continue
            if not all(
                naive.condition(operator, key, values, context) is True
                for operator, keys in statement.get("Condition", {}).items()
                for key, values in keys.items()
            ):
                continue
            if statement["Effect"] == "Deny":
                return "explicit_deny"
            effect = "allow"
    return effect


def measure(
    answer: Answer, asked: Sequence[tuple[int, Request]], seconds: float
) -> tuple[list[float], list[str]]:
    """Seconds per decision and answers, until the requests or the time run out."""
    durations, answers = [], []
    clock = time.perf_counter
    end = clock() + seconds
    for user, request in asked:
        start = clock()
        effect = answer(user, request)
        stop = clock()
        durations.append(stop - start)
        answers.append(effect)
        if stop > end:
            break
    return durations, answers


def row(
    name: str, durations: list[float], answers: list[str], truth: list[str], kinds: list[str]
) -> dict[str, Any]:
    ordered = sorted(durations)
    agree: dict[str, list[bool]] = {}
    for mine, theirs, kind in zip(answers, truth, kinds, strict=False):
        agree.setdefault(kind, []).append(mine == theirs)
    return {
        "engine": name,
        "decisions_per_s": round(len(durations) / sum(durations)),
        "p50_us": round(statistics.median(ordered) * 1e6, 2),
        "p99_us": round(ordered[int(len(ordered) * 0.99)] * 1e6, 2),
        "compared": len(answers),
        "agreement": {k: round(100 * sum(v) / len(v), 3) for k, v in sorted(agree.items())},
    }


def bench(statements: int, seconds: float) -> list[dict[str, Any]]:
    rng = random.Random(20_261_121)
    sources = [make_policies(rng, statements) for _ in range(USERS)]
    asked, kinds = make_requests(rng)
    policies = [
        [Policy(f"{u}-{i}", "1", f"p{i}", load_stored(d)) for i, d in enumerate(docs)]
        for u, docs in enumerate(sources)
    ]
    truth = [
        naive.decide(sources[u], q.action, q.resource, dict(q.context), ACCOUNT) for u, q in asked
    ]

    def by_naive(user: int, q: Request) -> str:
        return naive.decide(sources[user], q.action, q.resource, dict(q.context), ACCOUNT)

    def by_quick(user: int, q: Request) -> str:
        return by_fnmatch(sources[user], q.action, q.resource, dict(q.context))

    def by_cold(user: int, q: Request) -> str:
        return evaluate(compile_policies(policies[user]), q).effect

    def by_text(user: int, q: Request) -> str:
        fresh = [Policy(str(i), "1", "p", load_stored(d)) for i, d in enumerate(sources[user])]
        return evaluate(compile_policies(fresh), q).effect

    compiled: list[CompiledPolicies] = [compile_policies(p) for p in policies]

    def by_warm(user: int, q: Request) -> str:
        return evaluate(compiled[user], q).effect

    def by_filter(user: int, q: Request) -> str:
        found = resource_filter(compiled[user], q.action, q.context)
        return "allow" if q.resource and found.matches(q.resource, ACCOUNT) else "other"

    def timed(name: str, answer: Answer) -> dict[str, Any]:
        return row(name, *measure(answer, asked, seconds), truth, kinds)

    rows = [
        timed("naive fnmatch, policies in memory", by_quick),
        timed("reference (obviously right, slow)", by_naive),
        timed("ours, first decision after a change", by_cold),
        timed("ours, the same and policies read again", by_text),
        timed("ours, first pass (memo filling)", by_warm),
        timed("ours, warm", by_warm),
    ]
    listed = [(u, q) for u, q in asked if q.resource]
    listed_truth = [t for (_, q), t in zip(asked, truth, strict=True) if q.resource]
    wanted = [t if t == "allow" else "other" for t in listed_truth]
    rows.append(
        row("ours, list filter built and asked once", *measure(by_filter, listed, seconds), wanted,
            ["rows"] * len(wanted))
    )  # fmt: skip
    base = rows[0]["decisions_per_s"]
    for one in rows:
        one["x_naive"] = round(one["decisions_per_s"] / base, 1)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="at most this long per row")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    report = {}
    for statements in (20, 200):
        rows = bench(statements, options.seconds)
        report[str(statements)] = rows
        print(f"\n{statements} statements per user, {USERS} users, up to {REQUESTS} requests")
        print(
            f"{'engine':42}{'/s':>11}{'x naive':>9}{'p50 us':>9}{'p99 us':>9}{'n':>8}  agreement %"
        )
        for r in rows:
            agreement = ", ".join(f"{k} {v:g}" for k, v in r["agreement"].items())
            print(
                f"{r['engine']:42}{r['decisions_per_s']:>11,}{r['x_naive']:>9}"
                f"{r['p50_us']:>9}{r['p99_us']:>9}{r['compared']:>8}  {agreement}"
            )
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
