"""What the steps hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import Api, StepFailed
from demo.keep import Kept
from demo.report import Report

ENGINES = {
    "sklearn": "python_3.11-sklearn-cpu",
    "pytorch": "pytorch_2.13-cpu-py_3.11",
}


@dataclass(slots=True)
class Story:
    """One play of the story."""

    base_url: str
    sample: str  # "sklearn" or "pytorch": the folder below samples/digits
    report: Report
    kept: Kept
    work: Path  # a private folder for files that live as long as the play
    people: dict[str, Api] = field(default_factory=dict)
    #: SHA-256 of every file that was uploaded, by key
    uploaded: dict[str, str] = field(default_factory=dict)
    #: rows of the API that later steps need: bucket, version, job, model, unit, service ...
    made: dict[str, Any] = field(default_factory=dict)
    score: int = 0

    @property
    def engine(self) -> str:
        return ENGINES[self.sample]

    def name(self, stem: str) -> str:
        """A name of this run: the stem, and its number from the second run on."""
        return f"{stem}{self.kept.suffix}"

    def sign_in(self, who: str, api: Api) -> None:
        self.people[who] = api

    def api(self, who: str) -> Api:
        try:
            return self.people[who]
        except KeyError:
            raise StepFailed(f"Nobody signed in as {who}.") from None

    @property
    def owner(self) -> Api:
        return self.api("owner")

    @property
    def developer(self) -> Api:
        return self.api("developer")

    @property
    def consumer(self) -> Api:
        return self.api("consumer")

    def say(self, text: str) -> None:
        self.report.say(text)

    def see(self, path: str) -> None:
        self.report.see(f"{self.base_url}{path}")
