"""One measured run: warm up, count for so many minutes, stop."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterable

from benchmarks.load.installation import House
from benchmarks.load.person import Person
from benchmarks.load.record import Record, Sample
from benchmarks.load.watch import Watch, own_cpu
from benchmarks.load.work import Jobs, Predictions
from benchmarks.load.world import World

EVERY = 5.0  # seconds between two looks at the installation
SIGN_IN_AT_ONCE = 8
JOBS_WITHIN = 180.0
LAG_EVERY = 0.05


async def measure(house: House, world: World, chosen: argparse.Namespace) -> Record:
    """Sign everybody in, bring the jobs up, then let everything go on for the chosen time."""
    record = Record()
    people = [
        Person(number, member, house.url, record) for number, member in enumerate(world.people)
    ]
    jobs = Jobs(house, world, chosen.jobs, record)
    predictions = Predictions(world, chosen.predictions, record)
    watch = Watch(house)
    working: list[asyncio.Future[None]] = []
    try:
        began = time.perf_counter()
        # Before the jobs: what is submitted while fifty passwords are checked is not usual.
        signed_in = await _sign_in(people, record)
        print(f"{len(signed_in)} signed in, {time.perf_counter() - began:.0f} s", flush=True)
        working.append(asyncio.ensure_future(jobs.run()))
        await _all_running(jobs, record)
        print(
            f"{len(jobs.running)} jobs run; warming up for {chosen.warm:g} min, "
            f"then counting for {chosen.minutes:g} min",
            flush=True,
        )
        working.append(asyncio.ensure_future(predictions.run()))
        clicking = [asyncio.ensure_future(_clicking(person)) for person in signed_in]
        if chosen.warm:
            await asyncio.wait(clicking, timeout=60 * chosen.warm)
        record.start()
        working += [
            asyncio.ensure_future(_sampling(watch, record, jobs)),
            asyncio.ensure_future(_lag(record)),
        ]
        await asyncio.wait(clicking, timeout=60 * chosen.minutes)
        record.stop()
        for task in clicking:
            task.cancel()
        _troubles(record, await asyncio.gather(*clicking, return_exceptions=True))
        record.expected["jobs completed"] = jobs.done
    finally:
        for task in reversed(working):
            task.cancel()
        _troubles(record, await asyncio.gather(*working, return_exceptions=True))
        await asyncio.gather(*(person.session.close() for person in people))
    return record


async def _sign_in(people: list[Person], record: Record) -> list[Person]:
    gate = asyncio.Semaphore(SIGN_IN_AT_ONCE)
    record.start()

    async def one(person: Person) -> bool:
        async with gate:
            return await person.sign_in()

    done = await asyncio.gather(*(one(person) for person in people))
    record.stop()
    return [person for person, there in zip(people, done, strict=True) if there]


async def _all_running(jobs: Jobs, record: Record) -> None:
    end = time.perf_counter() + JOBS_WITHIN
    while len(jobs.running) < jobs.count * 0.9:
        if time.perf_counter() > end:
            record.wrong(f"only {len(jobs.running)} of {jobs.count} jobs ran at once")
            return
        await asyncio.sleep(0.5)


def _troubles(record: Record, ends: Iterable[object]) -> None:
    """What ended by itself ended wrongly."""
    for end in ends:
        if isinstance(end, Exception):
            record.wrong(f"the load itself: {end!r}")


async def _clicking(person: Person) -> None:
    try:
        await asyncio.sleep(person.chance.uniform(0, 3))
        await person.click()
    finally:
        await person.leave()


async def _sampling(watch: Watch, record: Record, jobs: Jobs) -> None:
    own = own_cpu()
    await asyncio.to_thread(watch.sample, 0.0, 0)  # processor time counts from here
    while True:
        await asyncio.sleep(EVERY)
        sample: Sample = await asyncio.to_thread(watch.sample, record.now, len(jobs.running))
        own, sample.cpu["the load itself"] = own_cpu(), own_cpu() - own
        record.samples.append(sample)


async def _lag(record: Record) -> None:
    """How late the load's own loop is: latencies below that mean nothing."""
    while True:
        meant = time.perf_counter() + LAG_EVERY
        await asyncio.sleep(LAG_EVERY)
        record.lags.append(time.perf_counter() - meant)
