"""Logs made to cost: last lines that are slow to read, pairs without end, lines like the
platform's own."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

from ops.drill.attacks.base import Attack
from ops.drill.client import PREFIX
from ops.drill.work import ENGINE, FLAVOR, POOL, TERMINAL, until

END_WITHIN = 60.0
FORGED = "[modelyard] failed: OOM_HOST: choose a larger flavor"
ENDS = """
import sys
sys.stdout.write("Traceback (most recent call last):" + "\\n" * 65400)
sys.stdout.flush()
sys.exit(1)
"""
FLOODS = f"""
import sys
print({FORGED!r})
print("\\x1b[2J\\u202e\\x9b1m step=1 loss=0.5", flush=True)
while True:
    sys.stdout.write("a=1 :b=2 = File \\"" * 4096 + "\\n" * 4096)
"""


class HostileLog(Attack):
    """The reason comes at once, a stop is heard, and no line of a program is the platform's."""

    name = "hostile-log"

    _ids: tuple[str, ...] = ()

    def begin(self) -> None:
        api = self.client.api
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("ends.py", ENDS), ("floods.py", FLOODS)):
                path = Path(folder, name)
                path.write_text(text)
                api.put_file(PREFIX, f"hostile/{name}", path)
        for boot in ("floods.py", "ends.py"):
            self._ids += (self._start(boot),)
        until("the flood's first lines", self._printed, within=END_WITHIN)

    def look(self) -> list[str]:
        """The lines of its log that count as the platform's."""
        found = self.client.get(f"/training-jobs/{self._ids[0]}/logs", offset=0)
        text = found["text"]
        own = [text[m["start"] : m["start"] + m["length"]] for m in found["marks"]]
        wrong = [f"a program's line counts as the platform's: {FORGED}"] * any(
            FORGED in line for line in own
        )
        return wrong + ["a log holds raw control characters"] * any(
            one in text for one in "\x1b\u202e\x9b"
        )

    def end(self) -> str:
        if not self._ids:
            return ""
        flood, *rest = self._ids
        if self._row(flood)["phase"] not in TERMINAL:
            self.client.post(f"/training-jobs/{flood}/stop")
        said = [self._expect(flood, "STOPPED_BY_USER")]
        said += [self._expect(one, "USER_CODE") for one in rest]
        return ", ".join(said)

    def _start(self, boot: str) -> str:
        row = self.client.post(
            "/training-jobs",
            {
                "name": f"{PREFIX}-{uuid.uuid4().hex[:8]}",
                "code_bucket": PREFIX,
                "code_prefix": "hostile/",
                "boot_file": boot,
                "engine": ENGINE,
                "flavor": FLAVOR,
                "pool": POOL,
            },
        )
        return str(row["id"])

    def _expect(self, one: str, reason: str) -> str:
        row = until("the job's end", lambda: self._ended(one), within=END_WITHIN)
        if row["reason"] != reason:
            self.client.wrong.append(f"a job ended {row['phase']} {row['reason']}")
        return f"{row['phase']} {row['reason']}"

    def _row(self, one: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/training-jobs/{one}")
        return found

    def _printed(self) -> bool:
        text = self.client.get(f"/training-jobs/{self._ids[0]}/logs", offset=0)["text"]
        return FORGED in text or self._row(self._ids[0])["phase"] in TERMINAL

    def _ended(self, one: str) -> dict[str, Any] | None:
        row = self._row(one)
        return row if row["phase"] in TERMINAL else None
