"""How fast the product answers "may they?": decide() with its database, warm and after a change.

    .venv/bin/python -m benchmarks.access [--quick] [--database-url postgres:///postgres]

Makes its own account in a temporary SQLite file, or in a database of its own on that PostgreSQL
server. Every figure is taken in one run, side by side
with the naive evaluator of the tests, which also checks every answer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.installation import installation, load_now

STATEMENTS = 20
USERS_POLICIES = 4
ACTIONS = [
    "modelarts:trainJob:create",
    "modelarts:trainJob:list",
    "modelarts:trainJob:get",
    "modelarts:trainJob:delete",
    "modelarts:model:get",
    "modelarts:model:delete",
    "modelarts:service:infer",
    "modelarts:service:create",
    "modelarts:nothing:known",
    "obs:object:GetObject",
    "obs:bucket:ListBucket",
    "iam:users:createUser",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement")
    parser.add_argument("--quick", action="store_true", help="half a second each")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; default SQLite")
    options = parser.parse_args()
    with installation(options.database_url):
        from django.db import connection

        print(f"{connection.vendor}; {load_now()}")
        run(0.5 if options.quick else options.seconds)


def run(seconds: float) -> None:
    """Build one account and print the table."""
    from accounts import facts
    from core import access
    from tests.accounts import make

    owner = make.account("bench")
    user = make.user(owner)
    statements = [
        make.statement("Allow" if n % 5 else "Deny", f"modelarts:kind{n}:*") for n in range(14)
    ]
    statements += [
        make.statement("Allow", "modelarts:trainJob:*"),
        make.statement("Deny", "modelarts:*:delete*"),
        make.statement("Allow", "modelarts:model:get", "modelarts:service:*"),
        make.statement(
            "Deny",
            "modelarts:service:create",
            Condition={"StringEquals": {"g:Region": ["nowhere"]}},
        ),
    ]
    obs = [
        make.statement("Allow", "obs:object:*", Resource=["obs:*:*:object:team1/*"]),
        make.statement("Deny", "obs:object:*", Resource=["obs:*:*:object:team1/secret/*"]),
    ]
    for part in (statements[:6], statements[6:12], statements[12:], obs):
        make.attach(user, *part)
    actor = make.actor(user, region="cn-north-1")
    targets = [
        access.Target(owner.pk, path, "cn-north-1")
        for path in ("", "team1/a", "team1/secret/x", "team2/a")
    ]
    questions = [
        (action, target)
        for action in ACTIONS
        for target in targets
        if action.startswith("obs:") or not target.path
    ]

    def ask(question: Any) -> Any:
        return access.decide(actor, question[0], question[1])

    agreement(ask, questions, [*statements, *obs], owner.pk)
    with facts.remembered():
        report(
            "warm, one request asking on",
            rate(lambda: [ask(q) for q in questions], seconds, len(questions)),
        )
        report("warm, time of one decision", times(lambda: ask(questions[0]), seconds))

    def new_request() -> None:
        with facts.remembered():
            ask(questions[0])

    report("first decision of a request", times(new_request, seconds))

    def after_change() -> float:
        from django.db import transaction

        with transaction.atomic():
            facts.bump(owner.pk)
        started = time.perf_counter()
        with facts.remembered():
            ask(questions[0])
        return time.perf_counter() - started

    report("first decision after a change of rights", times(after_change, seconds, timed=True))
    naive(questions, [*statements, *obs], owner.pk, seconds)


def agreement(
    ask: Callable[[Any], Any], questions: list[Any], statements: list[Any], account: str
) -> None:
    """Compare every answer with the tests' second evaluator, which shares no code."""
    from tests.accounts.engine import naive as oracle

    wrong = [q for q in questions if ask(q).allowed != naive_answer(oracle, q, statements, account)]
    print(f"agreement with the naive evaluator: {len(questions) - len(wrong)} of {len(questions)}")
    for action, target in wrong:
        print(f"  differs: {action} {target.path}")


def naive_answer(oracle: Any, question: Any, statements: list[Any], account: str) -> bool:
    action, target = question
    resource = None
    if target.path:
        service, kind, _operation = action.split(":")
        resource = f"{service}:{target.region}:{account}:{kind}:{target.path}"
    context = {"g:Region": "cn-north-1"}
    return (
        oracle.decide(
            [{"Version": "1.1", "Statement": statements}], action, resource, context, account
        )
        == "allow"
    )


def naive(questions: list[Any], statements: list[Any], account: str, seconds: float) -> None:
    from tests.accounts.engine import naive as oracle

    report(
        "naive evaluator, policies in memory",
        rate(
            lambda: [naive_answer(oracle, q, statements, account) for q in questions],
            seconds,
            len(questions),
        ),
    )


def rate(work: Callable[[], Any], seconds: float, per_call: int) -> str:
    work()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        work()
        done += per_call
    return f"{done / (time.perf_counter() - started):>12,.0f} /s"


def times(work: Callable[[], Any], seconds: float, *, timed: bool = False) -> str:
    work()
    taken, started = [], time.perf_counter()
    while time.perf_counter() - started < seconds and len(taken) < 200_000:
        before = time.perf_counter()
        own = work()
        taken.append(own if timed else time.perf_counter() - before)
    quantiles = statistics.quantiles(taken, n=100)
    return f"p50 {quantiles[49] * 1e6:>9,.1f} us   p99 {quantiles[98] * 1e6:>9,.1f} us"


def report(what: str, figure: str) -> None:
    print(f"{what:<42} {figure}")


if __name__ == "__main__":
    assert Path("manage.py").exists(), "run it from the project's root"
    main()
