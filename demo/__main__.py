"""``python -m demo``: plays the story and ends with 0 only if every step truly happened."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import tempfile
from pathlib import Path

from client import StepFailed
from demo import data, keep, people, serving, sharing, trail, training
from demo.report import Report
from demo.story import ENGINES, Story


def main() -> int:
    command = argparse.ArgumentParser(
        prog="python -m demo", description="Play the story of two accounts on a running Modelyard."
    )
    command.add_argument("--base-url", default="http://127.0.0.1:8000", help="%(default)s")
    command.add_argument("--engine", choices=sorted(ENGINES), default="sklearn")
    options = command.parse_args()
    report = Report()
    kept = keep.load()
    kept.runs += 1
    with tempfile.TemporaryDirectory(prefix="modelyard-demo-") as folder:
        story = Story(options.base_url.rstrip("/"), options.engine, report, kept, Path(folder))
        try:
            play(story)
            played = True
        except StepFailed as failure:
            report.problem(f"FAILED: {failure}")
            played = False
            with contextlib.suppress(StepFailed):  # it may be the server that is gone
                people.sign_out(story)
    report.table()
    if played:
        look_around(story)
    return 0 if played else 1


def play(story: Story) -> None:
    """All steps in their order. Raises StepFailed at the first that does not happen."""
    since = dt.datetime.now(dt.UTC)
    people.play(story)
    story.kept.save()
    data.prepare_engine(story)
    data.fill_bucket(story)
    data.make_dataset(story)
    training.train(story)
    training.register(story)
    sharing.share(story)
    serving.deploy(story)
    serving.call(story)
    sharing.take_back(story)
    trail.check(story, since)
    people.sign_out(story)


def look_around(story: Story) -> None:
    """Where to sign in and what to look at. A password is shown in the run that made it."""
    line = story.report.line
    line(f"\nscore: {story.score} of 20\n\nSign in at {story.base_url}/sign-in")
    for who in ("owner", "developer", "consumer"):
        person = story.kept.people[who]
        secret = person.password if who in story.kept.fresh else f"in {keep.file()}"
        name = f"user {person.user}" if person.user else "root (no user name)"
        line(f"  account {person.account} ({person.account_id}), {name}, password {secret}")
    line(f"The passwords are kept in {keep.file()}, readable by its owner only.")
    line("Look at, as owner:    /training-jobs  /models  /share-units  /users  /audit")
    line("Look at, as consumer: /services  /share-invitations  /buckets  /audit")


if __name__ == "__main__":
    sys.exit(main())
