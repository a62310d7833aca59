"""Somebody at a browser: signs in, clicks with the pauses of a reader, and lets every page do what
its scripts do: stream, poll, fetch curves, follow logs (static/console/*.js)."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp

from benchmarks.load import page as pages
from benchmarks.load.page import Shown, route
from benchmarks.load.record import Record
from benchmarks.load.world import Member

THINK = (1.0, 4.0)  # seconds between two clicks
WATCH = (8.0, 15.0)  # seconds for which something live is watched
POLL, RECONNECT = 5.0, 30.0  # as in sse.js
BURST, RETRY = 0.15, 1.5
LOG_IDLE = 2.0  # as in logs.js
CHART = 10.0  # as in charts.js
HTMX = {"HX-Request": "true"}
TIMEOUT = aiohttp.ClientTimeout(total=30)
STREAM = aiohttp.ClientTimeout(total=None, sock_read=40)
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)
SEARCHES = ("digits", "train", "doors", "v00", "leaves", "000")


class Person:
    """One browser with one tab."""

    def __init__(self, number: int, member: Member, base: str, record: Record) -> None:
        self.member, self.base, self.record = member, base, record
        self.chance = random.Random(number)
        # Each person has a machine of their own: the console slows down guessing by address.
        self.address = f"127.0.1.{number % 250 + 1}"
        language = "zh-CN,zh;q=0.9" if number % 5 == 4 else "en-GB,en;q=0.9"
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(local_addr=(self.address, 0), limit=6),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"User-Agent": "modelyard-load", "Accept-Language": language},
            timeout=TIMEOUT,
        )
        self.cached: set[str] = set()
        self.background: set[asyncio.Task[None]] = set()
        self.shown = Shown("/", "")

    # -- one exchange ------------------------------------------------------------------------

    async def ask(
        self, url: str, name: str, *, headers: dict[str, str] | None = None, whole: bool = False
    ) -> str:
        """The text of an address, "" where it went wrong. ``whole``: a page, not a part of one."""
        began = time.perf_counter()
        try:
            async with self.session.get(
                self.base + url, headers=headers, allow_redirects=False
            ) as answer:
                raw = await answer.read()
        except TROUBLE as trouble:
            self.record.wrong(f"GET {name}: {type(trouble).__name__}")
            return ""
        self.record.took(name, time.perf_counter() - began, len(raw))
        if answer.status != 200:
            self.record.wrong(f"GET {name}: {answer.status}")
            return ""
        if url.startswith("/static/"):
            return ""
        text = raw.decode()
        if whole and ("</html>" not in text or self.member.account_id not in text):
            self.record.wrong(f"GET {name}: not a whole page of {self.member.account}")
            return ""
        return text

    async def sign_in(self) -> bool:
        """Through the form, with the token of its page."""
        form = Shown("/sign-in", await self.ask("/sign-in", "/sign-in"))
        found = pages.CSRF.search(form.text)
        data = {
            "csrfmiddlewaretoken": found[1] if found else "",
            "account": self.member.account,
            "user": self.member.user,
            "password": self.member.password,
        }
        try:
            with self.record.timing("POST /sign-in"):
                async with self.session.post(
                    f"{self.base}/sign-in", data=data, allow_redirects=False
                ) as answer:
                    await answer.read()
        except TROUBLE as trouble:
            self.record.wrong(f"POST /sign-in: {type(trouble).__name__}")
            return False
        if answer.status != 302 or answer.headers.get("Location") != "/":
            self.record.wrong(f"POST /sign-in of {self.member.kind}: {answer.status}")
            return False
        return True

    # -- pages and their scripts -------------------------------------------------------------

    async def open(self, url: str) -> Shown:
        """Leave the present page, open another one and start what its scripts would."""
        await self.leave()
        text = await self.ask(url, route(url), whole=True)
        self.shown = Shown(url, text)
        for static in self.shown.links(pages.STATIC):
            if static not in self.cached:  # hashed names: a browser asks once
                self.cached.add(static)
                self.later(self.ask(static, "/static/…"))
        for chart, rest in self.shown.parts(pages.CHART):
            every = pages.EVERY.search(rest)
            self.later(self._chart(chart, float(every[1]) if every else CHART, "data-live" in rest))
        for log, rest in self.shown.parts(pages.LOG):
            self.later(self._log(log, "data-live" in rest))
        if live := self.shown.link(pages.LIVE):
            self.later(self._stream(live))
        elif self.shown.polls:
            self.later(self._every(POLL, self._look_again))
        if engines := self.shown.link(pages.ENGINES):
            self.later(self._every(2.0, lambda: self._part(engines)))
        return self.shown

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def leave(self) -> None:
        """What the page had running ends with it, answers that are under way included."""
        tasks = list(self.background)
        for task in tasks:
            task.cancel()
        for task, end in zip(
            tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True
        ):
            if isinstance(end, Exception):
                self.record.wrong(f"the load itself: {task.get_coro()}: {end!r}")

    async def _every(self, seconds: float, ask: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await ask()

    async def _part(self, url: str) -> str:
        return await self.ask(url, f"{route(url)} (part)", headers=HTMX)

    async def _look_again(self) -> None:
        """What ``lookAgain`` does: the head of a live page, the table of a list."""
        shown = self.shown
        if url := shown.link(pages.HEAD) or shown.link(pages.TABLE):
            await self._part(url)

    async def _chart(self, url: str, every: float, live: bool) -> None:
        name = f"{route(url)} (curves)"
        while True:
            text = await self.ask(url, name)
            if not live or not text or json.loads(text).get("done"):
                return
            await asyncio.sleep(every)

    async def _log(self, url: str, live: bool) -> None:
        offset, name = 0, f"{route(url)} (log)"
        sign = "&" if "?" in url else "?"
        while True:
            text = await self.ask(f"{url}{sign}offset={offset}", name)
            if not text:
                return
            piece = json.loads(text)
            moved, offset = piece["next"] > offset, piece["next"]
            if piece["eof"] and (piece.get("closed") or not live):
                return
            await asyncio.sleep(0 if moved and not piece["eof"] else LOG_IDLE)

    async def _stream(self, url: str) -> None:
        """Server-sent events; while there is no slot for a stream the page polls."""
        name = f"{route(url)} (stream opens)"
        last = ""
        while True:
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
            began = time.perf_counter()
            try:
                async with self.session.get(
                    self.base + url, headers=headers, timeout=STREAM
                ) as answer:
                    self.record.took(name, time.perf_counter() - began)
                    if answer.status == 200:
                        self.record.noted("live streams opened")
                        last, gone = await self._events(answer, last)
                        if gone:
                            return
                        await asyncio.sleep(RETRY)
                        continue
            except TROUBLE as trouble:
                self.record.wrong(f"GET {name}: {type(trouble).__name__}")
                return
            if answer.status != 204:  # every slot is taken
                self.record.wrong(f"GET {name}: {answer.status}")
                return
            self.record.noted("live streams refused: the page polls")
            for _turn in range(int(RECONNECT / POLL)):
                await asyncio.sleep(POLL)
                await self._look_again()

    async def _events(self, answer: aiohttp.ClientResponse, last: str) -> tuple[str, bool]:
        """Read until the server ends the stream: the id to resume from, whether all is over."""
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("id: "):
                last = line.removeprefix("id: ")
            elif line == "event: gone":
                return last, True
            elif line == "event: changed":
                await asyncio.sleep(BURST)
                await self._look_again()
        return last, False

    # -- clicking ----------------------------------------------------------------------------

    async def think(self) -> None:
        await asyncio.sleep(self.chance.uniform(*THINK))

    async def click(self) -> None:
        """Until cancelled: a section, its list, a second page, a filter, an object, its tabs."""
        await self.open("/")
        await self.think()
        while True:
            dice = self.chance.random()
            if dice < 0.06:
                await self.open("/")
            elif dice < 0.12:
                await self.open(f"/search?q={self.chance.choice(SEARCHES)}")
            elif menu := [link for link in self.shown.links(pages.NAV) if link != "/"]:
                await self._section(self.chance.choice(menu))
            else:
                await self.open("/")
            await self.think()

    async def _section(self, url: str) -> None:
        listed = await self.open(url)
        await self.think()
        rows = listed.links(pages.ROW)
        if (more := listed.link(pages.NEXT)) and self.chance.random() < 0.5:
            rows = await self._turn(more) or rows
        if listed.link(pages.TABLE) and self.chance.random() < 0.4:
            rows = await self._turn(f"{url}?q={self.chance.choice(SEARCHES)}") or rows
        if not rows or self.chance.random() < 0.1:
            return
        # Things in motion stand on top, and people look at what moves.
        row = rows[0] if self.chance.random() < 0.3 else self.chance.choice(rows)
        detail = await self.open(row)
        tabs = detail.links(pages.TAB)
        for tab in self.chance.sample(tabs, min(len(tabs), self.chance.randint(1, 3))):
            await self.think()
            await self.open(tab)
            if self.shown.link(pages.LIVE) and self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.uniform(*WATCH))

    async def _turn(self, url: str) -> list[str]:
        """Another table on the same page; the objects in it."""
        table = Shown(url, await self._part(url))
        await self.think()
        return table.links(pages.ROW)
