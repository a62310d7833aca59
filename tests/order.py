"""In which order the files are tested, and which of them go to one worker together.

Two workers share the files out. The longest come first, so that at the end no worker waits for one
that has just begun a long file. How long a file takes is in ``seconds.json`` beside this module,
which ``./test --record`` writes; a file that is not there comes last.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

SECONDS = Path(__file__).with_name("seconds.json")
#: folders whose files go on with what the one before has made: one worker, one after another
TOGETHER = ("tests/browser/",)


def unit(nodeid: str) -> str:
    """What goes to one worker as a whole: the file of the test, or its folder."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


class LongestFirst(LoadFileScheduling):
    """Units in the order of the collection, which ``longest_first`` has made."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by number of tests

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


@cache
def recorded() -> Mapping[str, float]:
    """File -> seconds of all its tests on an idle machine."""
    found: dict[str, float] = json.loads(SECONDS.read_text())
    return found


def longest_first(items: list[Any]) -> None:
    """Sort tests by the recorded seconds of their unit; the order inside a unit stays."""
    total: defaultdict[str, float] = defaultdict(float)
    for file, seconds in recorded().items():
        total[unit(file)] += seconds
    items.sort(key=lambda item: -total[unit(item.nodeid)])
