"""An account whose datasets are checked and whose packages are registered without end, beside one
that works as usual."""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import installation as load
from benchmarks.load.world import Member, api_of, pictures, running_service
from benchmarks.neighbours.table import Row, timed
from client import Api, StepFailed, predict, wait
from demo.keep import new_password

DATASETS, VALUES, SIDE = 6, 2 * 1024**3, 28  # bytes of pixels in each; their files are compressed
FILES = 1_200
REGISTRATIONS = 5  # in each half of a round
SETTLED = ("Ready", "Invalid", "Error", "Published", "Failed")
WITHIN = 600.0
BUCKET = "neighbour-data"


def measure(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Rows for each attack: calls of the API, predictions, registrations of a small model."""
    chosen = argparse.Namespace(jobs=1, port=options.port)
    with load.running(folder, chosen, "") as house:
        rows = _measured(house, folder, options)
    return rows


def _measured(house: load.House, folder: Path, options: argparse.Namespace) -> list[Row]:
    kept = json.loads((house.var / "demo.json").read_text())["people"]["owner"]
    own = api_of(house, Member(kept["account"], kept["account_id"], kept["password"]))
    other = _neighbour(house, own)
    calls = _calls(own, pictures(house)[0])
    rows: list[Row] = []
    _upload(other, own, folder)
    for name, attack in (
        ("6 checks of 2 GiB", _checks),
        (f"packages of {FILES:,} files", _packages),
    ):
        if options.attack and name not in options.attack:
            continue
        found = [Row(f"{name}: {what}") for what in calls]
        done = [0]
        for _ in range(options.rounds):
            for row, (call, least) in zip(found, calls.values(), strict=True):
                row.idle += timed(call, options.seconds, least)
            with attack(other, done):
                for row, (call, least) in zip(found, calls.values(), strict=True):
                    row.attacked += timed(call, options.seconds, least)
        for row in found:
            row.show(f"{done[0]} of the neighbour's were begun")
        rows += found
    return rows


def _neighbour(house: load.House, operator: Api) -> Api:
    made = operator.post("/accounts", {"name": "neighbour"})
    member = Member("neighbour", made["id"], made["initial_password"])
    fresh = new_password()
    order = {"account": member.account, "user": "", "old": member.password, "new": fresh}
    Api(house.url).post("/auth/password", order)
    member.password = fresh
    return api_of(house, member)


def _calls(api: Api, picture: bytes) -> dict[str, tuple[Callable[[], Any], int]]:
    """What the account that is measured does, and how often at least."""
    service = running_service(api)
    job = next(row for row in api.items("/training-jobs") if row["phase"] == "Completed")
    numbers = itertools.count()

    def register() -> None:
        order = {"name": f"small-{next(numbers)}", "training_job": job["id"]}
        _settled(api, "/models", api.post("/models", order), every=0.05)

    return {
        "API": (lambda: api.get("/models", limit=20), 20),
        "prediction": (lambda: predict(service["access_address"], api.token, picture), 20),
        "registration": (register, REGISTRATIONS),
    }


def _settled(api: Api, path: str, row: dict[str, Any], every: float = 2.0) -> dict[str, Any]:
    """The row when its check has ended. The neighbour asks seldom: its checks are measured, not its
    questions."""
    if row["phase"] in SETTLED:
        return row
    found: dict[str, Any] = wait(
        f"{path} {row['name']}",
        lambda: api.get(f"{path}/{row['id']}"),
        lambda now: now["phase"] in SETTLED,
        within=WITHIN,
        every=every,
    )
    return found


def _upload(api: Api, own: Api, folder: Path) -> None:
    """The neighbour's files: pictures and labels, and a model with more files than it needs."""
    api.post("/buckets", {"name": BUCKET})
    count = VALUES // SIDE**2
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        for file, head, size in (
            (
                "train-images-idx3-ubyte.gz",
                struct.pack(">IIII", 2051, count, SIDE, SIDE),
                count * SIDE**2,
            ),
            ("train-labels-idx1-ubyte.gz", struct.pack(">II", 2049, count), count),
        ):
            with gzip.open(place / file, "wb", compresslevel=1) as out:
                out.write(head)
                left = size
                while left:
                    left -= out.write(bytes(min(left, 1 << 20)))
            api.put_file(BUCKET, f"idx/{file}", place / file)
        model = next(row for row in own.items("/models") if row["phase"] == "Published")
        for row in own.get(f"/models/{model['id']}/files")["items"]:
            answer = own.send("GET", f"/models/{model['id']}/files/{row['path']}")
            (place / "one").write_bytes(answer.body)
            api.put_file(BUCKET, f"many/model/{row['path']}", place / "one")
        more = place / "one"
        more.write_text("of no use\n" * 50)

        def put(number: int) -> None:
            api.put_file(BUCKET, f"many/model/more/{number}.txt", more)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(FILES)))


@contextmanager
def _going_on(work: list[Callable[[], None]]) -> Iterator[None]:
    """Each in a thread of its own, again and again until the block ends."""
    stop, failed = threading.Event(), []

    def run(one: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                one()
        except (StepFailed, OSError) as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


@contextmanager
def _checks(api: Api, done: list[int]) -> Iterator[None]:
    def version_of(dataset: str) -> Callable[[], None]:
        def check() -> None:
            done[0] += 1
            order = {"dataset": dataset, "bucket": BUCKET, "prefix": "idx/"}
            _settled(api, "/dataset-versions", api.post("/dataset-versions", order))

        return check

    ids = []
    for number in range(DATASETS):
        name = f"large-{number}"
        row = api.named("/datasets", name) or api.post("/datasets", {"name": name, "format": "idx"})
        ids.append(row["id"])
    with _going_on([version_of(one) for one in ids]):
        yield


@contextmanager
def _packages(api: Api, done: list[int]) -> Iterator[None]:
    def register() -> None:
        done[0] += 1
        order = {"name": f"many-{time.time_ns()}", "bucket": BUCKET, "prefix": "many/"}
        _settled(api, "/models", api.post("/models", order))

    with _going_on([register, register]):
        yield
