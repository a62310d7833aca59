"""System policies: the platform's own, the same for every account, shipped as data.

They are no rows: an account cannot change them, and an upgrade changes them for everybody at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from accounts import engine

#: pairs that may not be attached together (ModelArts best practices, table 2-21)
EXCLUSIVE = (frozenset({"ModelArts FullAccess", "ModelArts CommonOperations"}),)


@dataclass(frozen=True, slots=True)
class SystemPolicy:
    """One system policy as shipped and as compiled."""

    name: str
    description: str
    document: Mapping[str, Any]
    compiled: engine.Policy


@lru_cache(maxsize=1)
def system_policies() -> dict[str, SystemPolicy]:
    """Every system policy by name, in the order of the file."""
    data = json.loads(Path(__file__).with_name("system.json").read_text(encoding="utf-8"))
    return {
        p["name"]: SystemPolicy(
            p["name"],
            p["description"],
            p["document"],
            engine.Policy(
                id=f"system:{p['name']}",
                version="1",
                name=p["name"],
                document=engine.load_stored(p["document"]),
            ),
        )
        for p in data["policies"]
    }
