"""The public API for the drill: signs in as a person of the demonstration, waits for what is away.

Every answer is watched: while a part is broken the platform may be silent or say 503, but an
answer of 500 means that the case was not thought of.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from client import Api, Refused, StepFailed, predict

Answer = TypeVar("Answer")
AWAY = (502, 503, 504, 507)
PATIENCE = 90.0
PAUSE = 0.2
PREFIX = "digits-drill"
TOKEN = "drill"  # noqa: S105 - a name, not a secret
AGENCY_POLICIES = ("drill-objects", "drill-models")


class DrillFailed(Exception):
    """The drill could not be held: something it needs is missing."""


class Client:
    """One signed-in user."""

    def __init__(self, base_url: str, var: Path, who: str = "owner") -> None:
        self.api = Api(base_url, "", "drill")
        self.wrong: list[str] = []
        person = credentials(var, who)
        made = self.api.post(
            "/auth/tokens",
            {
                "account": person["account"],
                "user": person["user"],
                "password": person["password"],
                "name": TOKEN,
                "days": 1,
            },
        )
        self.api.token = str(made["token"])
        self.user_id = str(self.api.get("/me")["user"]["id"])

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until somebody answers. Raises StepFailed after PATIENCE seconds, Refused at once
        for what is no sign of a part being away."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except Refused as refused:
                if refused.status == 500:
                    self.wrong.append(f"answered 500: {refused}")
                elif refused.status not in AWAY:
                    raise
                if time.monotonic() > until:
                    raise
            except StepFailed:
                if time.monotonic() > until:
                    raise
            time.sleep(PAUSE)

    def get(self, path: str, **query: Any) -> Any:
        return self.patiently(lambda: self.api.get(path, **query))

    def post(self, path: str, data: Any = None) -> Any:
        """A POST that is sent again while there is no answer. A first one may have arrived although
        its answer did not: the row of that name is then the answer."""

        def once() -> Any:
            try:
                return self.api.post(path, data)
            except Refused as refused:
                row = self.api.named(path, data["name"]) if data and "name" in data else None
                if refused.status not in (400, 409) or row is None:
                    raise
                return row

        return self.patiently(once)

    def predict(self, address: str) -> None:
        """One prediction that must be answered."""
        self.patiently(lambda: predict(address, self.api.token, picture()))

    def sign_out(self) -> None:
        """End every token that drills of this user took; the one in use comes last."""
        mine = self.api.token.split("_")[1]
        rows = self.get("/tokens")["items"]
        for row in sorted(rows, key=lambda row: row["prefix"] == mine):
            if row["name"] == TOKEN and row["state"] == "active":
                self.api.delete(f"/tokens/{row['id']}")


def credentials(var: Path, who: str) -> dict[str, str]:
    """What the demonstration left to sign in with. Raises DrillFailed."""
    path = var / "demo.json"
    try:
        people = json.loads(path.read_text())["people"]
        return dict(people[who])
    except (OSError, ValueError, KeyError):
        raise DrillFailed(
            f"{path} names no {who} to sign in as. Play the demonstration there first: ./run --demo"
        ) from None


def prepare(client: Client) -> None:
    """A bucket, and an agency of this user alone that may read it and fetch models."""
    api = client.api
    if api.named("/buckets", PREFIX) is None:
        api.post("/buckets", {"name": PREFIX})
    for name, statement in zip(AGENCY_POLICIES, (_objects(), _models()), strict=True):
        if api.named("/policies", name) is None:
            document = {"Version": "1.1", "Statement": [statement]}
            api.post("/policies", {"name": name, "document": document})
    if api.named("/agencies", PREFIX) is None:
        api.post(
            "/agencies",
            {"name": PREFIX, "grantee": client.user_id, "policies": list(AGENCY_POLICIES)},
        )


def tidy(client: Client) -> None:
    """Without its agency the owner's jobs go through the account's one again."""
    found = client.api.named("/agencies", PREFIX)
    if found is not None:
        client.api.delete(f"/agencies/{found['id']}")


def _objects() -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": ["obs:bucket:HeadBucket", "obs:bucket:ListBucket", "obs:object:*"],
        "Resource": [f"obs:*:*:bucket:{PREFIX}*", f"obs:*:*:object:{PREFIX}*/*"],
    }


def _models() -> dict[str, Any]:
    return {"Effect": "Allow", "Action": ["modelarts:model:get", "modelarts:model:deploy"]}


def picture() -> bytes:
    """A PNG of 28 x 28 grey pixels (RFC 2083): enough for a model to answer something."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(28)) for y in range(28))
    head = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
