"""Step 9: the audit trails of both accounts tell who did what, refusals included."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from client import Api, StepFailed
from demo.story import Story

OWNER = (
    # event, who did it, result
    ("createBucket", "developer", "ok"),
    ("createDataset", "developer", "ok"),
    ("publishDatasetVersion", "developer", "ok"),
    ("createModelArtsTrainJob", "developer", "ok"),
    ("addModel", "developer", "ok"),
    ("accessDenied", "developer", "denied"),
    ("createResourceShare", "owner", "ok"),
    ("acceptResourceShareInvitation", "consumer", "ok"),
    ("deleteResourceShare", "owner", "ok"),
)
CONSUMER = (
    ("acceptResourceShareInvitation", "consumer", "ok"),
    ("addService", "consumer", "ok"),
    ("createBucket", "consumer", "ok"),
    ("accessDenied", "consumer", "denied"),
)


def check(story: Story, since: dt.datetime) -> None:
    """Compare the trails since ``since`` with what was done."""
    with story.report.step("Audit trails of both accounts") as step:
        counts = []
        for who, expected in (("owner", OWNER), ("consumer", CONSUMER)):
            rows = _since(story.api(who), since)
            for event, by, result in expected:
                _one(story, rows, event, by, result)
            counts.append(f"{len(rows)} of {story.kept.people[who].account}")
            tally = Counter(f"{row['event']}" for row in rows)
            story.say(f"{story.kept.people[who].account}: {len(rows)} records")
            story.say("   " + ", ".join(f"{name} {n}" for name, n in sorted(tally.items())))
        _refusal_is_told(story, since)
        step.result = f"{' and '.join(counts)} records, refusals included"
        story.see("/audit")


def _since(api: Api, since: dt.datetime) -> list[dict[str, Any]]:
    rows = api.items("/audit-records")
    return [row for row in rows if dt.datetime.fromisoformat(row["at"]) >= since]


def _one(story: Story, rows: list[dict[str, Any]], event: str, by: str, result: str) -> None:
    person = story.kept.people[by]
    # Of somebody of another account a trail tells the account's id, not the name.
    labels = (f"{person.user or person.account}@{person.account}", f"someone@{person.account_id}")
    found = [
        row
        for row in rows
        if row["event"] == event and row["result"] == result and row["actor_label"] in labels
    ]
    if not found:
        seen = sorted({(row["event"], row["result"], row["actor_label"]) for row in rows})
        raise StepFailed(f"No record of {event} by {labels} ({result}) among {seen}.")
    row = found[0]
    story.say(f"{row['at'][11:19]}  {row['actor_label']}  {event} {row['resource_name']} {result}")


def _refusal_is_told(story: Story, since: dt.datetime) -> None:
    """The refusal that the consumer got is the one in its trail, by its decision id."""
    wanted = story.made["late_refusal"].explanation.get("decision_id", "")
    rows = [row for row in _since(story.consumer, since) if row["event"] == "accessDenied"]
    if wanted not in [row["decision_id"] for row in rows]:
        raise StepFailed(f"Decision {wanted} is not in the trail: {rows}")
    story.say(f"the refused deploy stands there as decision {wanted}")
