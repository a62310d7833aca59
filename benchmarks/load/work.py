"""Jobs that are submitted anew when they end, and predictions at a constant rate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import uuid
from typing import Any

import aiohttp

from benchmarks.load.installation import ENGINE, House
from benchmarks.load.record import Record
from benchmarks.load.world import World

STEPS = (60, 140)  # lines of a job, two a second
LOOK = 2.0  # seconds between two questions of a person who waits for a job
JOB_WITHIN = 300.0
TERMINAL = ("Completed", "Failed", "Terminated")
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)
BORDER = "b5f1c0de"


class Jobs:
    """So many lanes, each with one job at a time. Every lane belongs to one of the accounts."""

    def __init__(self, house: House, world: World, count: int, record: Record) -> None:
        self.house, self.world, self.count, self.record = house, world, count, record
        self.running: set[str] = set()
        self.done = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            lanes = (self._lane(session, number) for number in range(self.count))
            await asyncio.gather(*lanes)

    async def _lane(self, session: aiohttp.ClientSession, number: int) -> None:
        chance = random.Random(number)
        _member, token, bucket = self.world.submitters[number % len(self.world.submitters)]
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            steps = chance.randint(*STEPS)
            name = f"load-{number:02}-{uuid.uuid4().hex[:6]}"
            order = {
                "name": name,
                "code_bucket": bucket,
                "code_prefix": "code/",
                "boot_file": "program.py",
                "engine": ENGINE,
                "flavor": "modelyard.cpu.1u",
                "pool": "public",
                "inputs": [{"name": "data_url", "bucket": bucket, "prefix": "in/"}],
                "outputs": [{"name": "train_url", "bucket": bucket, "prefix": f"out/{name}/"}],
                "hyperparameters": {"seed": str(number), "steps": str(steps)},
                "max_duration": int(JOB_WITHIN),
            }
            began = time.perf_counter()
            made = await self._api(session, "POST", "/training-jobs", headers, order)
            if made is None:
                await asyncio.sleep(LOOK)
                continue
            ended = await self._follow(session, headers, made["id"], began)
            if ended is not None:
                await self._check(session, headers, ended, steps)

    async def _api(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        headers: dict[str, str],
        data: Any = None,
    ) -> Any:
        """The answer, or None where it went wrong."""
        url = f"{self.house.url}/api/v1{path}"
        parts = path.split("/")
        name = (
            f"{method} /api/v1/{'/'.join([parts[1], *(['<id>'] if parts[2:] else []), *parts[3:]])}"
        )
        try:
            with self.record.timing(name):
                async with session.request(method, url, headers=headers, json=data) as answer:
                    body = await answer.text()
        except TROUBLE as trouble:
            self.record.wrong(f"{name}: {type(trouble).__name__}")
            return None
        if answer.status not in (200, 201):
            self.record.wrong(f"{name}: {answer.status} {body[:120]}")
            return None
        return json.loads(body)

    async def _follow(
        self, session: aiohttp.ClientSession, headers: dict[str, str], pk: str, began: float
    ) -> Any:
        """Ask until the job is over. None where that did not come."""
        started = False
        try:
            while time.perf_counter() - began < JOB_WITHIN:
                row = await self._api(session, "GET", f"/training-jobs/{pk}", headers)
                if row is None:
                    await asyncio.sleep(LOOK)
                    continue
                if row["phase"] == "Running" and row["secondary_phase"] == "Running":
                    self.running.add(pk)
                if not started and row["phase"] not in ("Creating", "Pending"):
                    started = True
                    self.record.took("job: order to Running", time.perf_counter() - began)
                if row["phase"] in TERMINAL:
                    return row
                await asyncio.sleep(LOOK if started else 0.5)
        finally:
            self.running.discard(pk)
        self.record.wrong(f"a job did not end within {JOB_WITHIN:.0f} s")
        return None

    async def _check(
        self, session: aiohttp.ClientSession, headers: dict[str, str], row: Any, steps: int
    ) -> None:
        """It completed, and every number that it printed is kept."""
        self.done += 1
        if row["phase"] != "Completed":
            self.record.wrong(f"job ended {row['phase']} {row['reason']} {row['message'][:80]}")
            return
        found = await self._api(session, "GET", f"/training-jobs/{row['id']}/metrics", headers)
        kept = len((found or {}).get("series", {}).get("loss", []))
        if found is not None and kept != steps:
            self.record.wrong("a job's curve does not hold every number it printed")


class Predictions:
    """A constant rate, whether answers come or not; latency counts from the intended moment."""

    def __init__(self, world: World, rate: int, record: Record) -> None:
        self.world, self.rate, self.record = world, rate, record
        self.bodies = [self._body(picture) for picture in world.pictures]
        self.answers: dict[int, str] = {}
        self.open: set[asyncio.Task[None]] = set()

    @staticmethod
    def _body(picture: bytes) -> bytes:
        head = (
            f"--{BORDER}\r\n"
            'Content-Disposition: form-data; name="image"; filename="digit.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        return head.encode() + picture + f"\r\n--{BORDER}--\r\n".encode()

    async def run(self) -> None:
        """Until cancelled; what is under way is still answered."""
        headers = {
            "Authorization": f"Bearer {self.world.service_token}",
            "Content-Type": f"multipart/form-data; boundary={BORDER}",
        }
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=30),
        ) as session:
            began, number = time.perf_counter(), 0
            try:
                while self.rate:
                    meant = began + number / self.rate
                    wait = meant - time.perf_counter()
                    if wait > 0:
                        await asyncio.sleep(wait)
                    task = asyncio.ensure_future(self._one(session, number, meant))
                    self.open.add(task)
                    task.add_done_callback(self.open.discard)
                    number += 1
            finally:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.gather(*self.open)

    async def _one(self, session: aiohttp.ClientSession, number: int, meant: float) -> None:
        which = number % len(self.bodies)
        try:
            async with session.post(self.world.service_address, data=self.bodies[which]) as answer:
                body = await answer.text()
        except TROUBLE as trouble:
            self.record.wrong(f"prediction: {type(trouble).__name__}")
            return
        self.record.took("prediction", time.perf_counter() - meant)
        if answer.status != 200:
            self.record.wrong(f"prediction: {answer.status} {body[:100]}")
        elif self.answers.setdefault(which, body) != body:
            self.record.wrong("prediction: the same picture was answered otherwise")
