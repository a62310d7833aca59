"""The whole platform around one hostile program: real API, reconcilers, runner and sandbox.

The web API runs in a thread (pytest-django's live server), because runners fetch and upload over
HTTP; the reconciler is driven by hand until the object is where the test expects it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.test import Client

from accounts.agency.models import Agency
from accounts.policy.models import PolicyAttachment
from accounts.token.models import ApiToken
from compute import local
from compute.backends.base import Observation
from compute.backends.local import LocalBackend
from compute.backends.proof import is_process
from compute.catalog import flavors
from compute.catalog.flavors import Flavor
from compute.engines.catalogue import ENGINES
from compute.sandbox.spec import Limits
from compute.slot.models import Slot
from core import reconcile
from core.models import Event
from storage.object import services as objects
from tests.accounts import make
from tests.compute.helpers import work_of
from tests.engines import SKLEARN
from tests.storage import people
from tests.waiting import until
from training.job import services as jobs
from training.job.models import Attempt, OutputClaim, TrainingJob

OUT = (
    "import os, sys\n"
    "out = next(a for a in sys.argv if a.startswith('--train_url=')).split('=')[1]\n"
)
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"
#: the platform's lock: an in-memory SQLite is one connection for all threads, so a request and a
#: look of the reconciler must not be inside their transactions at the same time
TURN = threading.RLock()


@dataclass(frozen=True, slots=True)
class Tight(Flavor):
    """A flavor with bounds that a test reaches within a second."""

    limit: Limits = field(default_factory=Limits)

    def limits(self, *, wall_seconds: float = 0) -> Limits:
        return Limits(**{**vars_of(self.limit), "wall_seconds": wall_seconds})


def vars_of(limits: Limits) -> dict[str, Any]:
    """The fields of Limits as keyword arguments."""
    return {name: getattr(limits, name) for name in limits.__dataclass_fields__}


def tight(name: str, **bounds: Any) -> Tight:
    """A flavor of this name; unnamed bounds are small but harmless."""
    limit = Limits(
        **{"memory_mb": 256, "pids": 64, "file_size_mb": 64, "disk_mb": 256, "tmp_mb": 32} | bounds
    )
    return Tight(name, limit.cpus, int(limit.memory_mb), int(limit.disk_mb), "for a test", limit)


def tiny_engines(root: Path) -> Path:
    """An engines directory whose only engine is the host's own Python, with no package at all."""
    home = root / SKLEARN
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to("/usr/bin/python3")
    manifest = {"digest": ENGINES[SKLEARN].digest, "packages": {}, "python": "3.11"}
    (home / "manifest.json").write_text(json.dumps(manifest))
    return root


class House:
    """One account with a bucket and an agency, and what its programs do to the platform."""

    def __init__(self, monkeypatch: Any) -> None:
        self.monkeypatch = monkeypatch
        self.owner = people.root("owner")
        self.agency = agency_of(self.owner)
        people.bucket(self.owner, "team1")
        self.backend: LocalBackend = local.current()  # type: ignore[assignment]
        self.number = 0

    # -- before ---------------------------------------------------------------------------------

    def flavor(self, **bounds: Any) -> str:
        """A flavor of these bounds, known for the time of the test; returns its id."""
        made = tight(f"test.{len(flavors.FLAVORS)}", **bounds)
        self.monkeypatch.setitem(flavors.FLAVORS, made.id, made)
        return made.id

    def put(self, key: str, data: bytes | str, bucket: str = "team1") -> None:
        raw = data.encode() if isinstance(data, str) else data
        with TURN:
            objects.put_object(self.owner.actor, bucket, key, io.BytesIO(raw), size=len(raw))

    def submit(self, program: str, **changes: Any) -> TrainingJob:
        """A job whose boot file is ``program``; nothing has looked at it yet."""
        self.number += 1
        code = f"code{self.number}"
        self.put(f"{code}/main.py", program)
        data = {
            "name": f"job{self.number}",
            "code_bucket": "team1",
            "code_prefix": code,
            "boot_file": "main.py",
            "engine": SKLEARN,
            "flavor": changes.pop("flavor", None) or self.flavor(),
            "outputs": [{"name": "train_url", "bucket": "team1", "prefix": f"out{self.number}"}],
            "max_duration": 600,
        }
        with TURN:
            return jobs.create(self.owner.actor, {**data, **changes})

    # -- during ---------------------------------------------------------------------------------

    def look(self, obj: Any) -> Any:
        """One look of the reconciler; returns the fresh row. A look that raises fails the test."""
        with TURN:
            outcome = reconcile.look(obj._meta.label_lower, str(obj.pk))
            fresh = type(obj).objects.unscoped("test").get(pk=obj.pk)
        assert outcome != "failed", f"the reconciler raised on {fresh}: {fresh.message}"
        return fresh

    def until(self, obj: Any, condition: Callable[[Any], Any]) -> Any:
        """Look again and again until ``condition`` holds for the row."""
        seen = obj

        def holds() -> bool:
            nonlocal seen
            seen = self.look(seen)
            return bool(condition(seen))

        def still() -> str:
            where = f"{seen} is still {seen.phase}/{seen.secondary} {seen.reason}"
            return f"{where}: {seen.message}\n{self.log(seen)[-2000:]}"

        until(holds, still)
        return seen

    def run(self, program: str, **changes: Any) -> TrainingJob:
        """Submit and drive to the end."""
        return self.over(self.submit(program, **changes))

    def over(self, job: TrainingJob) -> TrainingJob:
        return self.until(job, lambda row: row.is_terminal)

    def ready(self, job: TrainingJob) -> TrainingJob:
        """Drive until the program printed "ready"."""
        return self.until(job, lambda row: "ready" in self.log(row))

    def stop(self, job: TrainingJob) -> None:
        with TURN:
            jobs.stop(self.owner.actor, job, {})

    # -- after ----------------------------------------------------------------------------------

    def attempts(self, obj: Any) -> list[str]:
        from serving.service.models import Instance, Service

        rows: Any = (
            Instance.objects.filter(service=obj)
            if isinstance(obj, Service)
            else Attempt.objects.filter(job=obj)
        )
        with TURN:
            return [str(pk) for pk in rows.values_list("pk", flat=True)]

    def seen(self, obj: Any) -> Observation:
        """What the backend says about the newest attempt."""
        return self.backend.observe(self.attempts(obj)[-1])

    def work(self, attempt: str) -> Path:
        return work_of(self.backend, attempt)

    def log(self, obj: Any, limit: int = 1 << 20) -> str:
        found = self.attempts(obj)
        if not found or not self.backend.directory(found[-1]).exists():
            return ""
        return self.backend.logs(found[-1], 0, limit).data.decode("utf-8", "replace")

    def api(self, path: str, person: people.Person | None = None) -> Any:
        """GET over the public API, as parsed JSON."""
        with TURN:
            bearer = people.token(person or self.owner, dt.timedelta(hours=1))
            answer = Client(headers={"Authorization": f"Bearer {bearer}"}).get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.content[:2000]
        return answer.json()

    def page(self, path: str) -> str:
        """GET of a page as the owner, signed in."""
        client = Client()
        with TURN:
            people.sign_in(client, self.owner)
            answer = client.get(path)
        assert answer.status_code == 200, answer.content[:2000]
        return answer.content.decode()

    def outputs(self, job: TrainingJob) -> dict[str, bytes]:
        """Everything below the job's output path: relative key -> bytes (small ones)."""
        from storage.blob import services as blobs
        from storage.object.models import StoredObject

        prefix = job.outputs[0]["prefix"]
        found = {}
        with TURN:
            rows = (
                StoredObject.objects.unscoped("test")
                .select_related("blob")
                .filter(key__startswith=prefix)
            )
            for row in rows:
                with blobs.read(row.blob) as handle:
                    found[row.key.removeprefix(prefix)] = handle.read(1 << 16)
        return found

    def events(self, obj: Any) -> list[str]:
        with TURN:
            rows = Event.objects.filter(resource_id=str(obj.pk)).order_by("id")
            return list(rows.values_list("code", flat=True))

    def nothing_left(self, obj: Any) -> None:
        """No slot, claim, credential, process, control group or socket of ``obj`` is left."""
        attempts = self.attempts(obj)
        until(lambda: not any(self.backend.observe(a).alive for a in attempts))
        with TURN:
            assert not Slot.objects.filter(attempt__in=attempts).exists()
            assert not OutputClaim.objects.filter(job_id=obj.pk).exists()
            bound = f"{obj._meta.label_lower}:{obj.pk}"
            held = ApiToken.objects.filter(bound_to=bound, revoked_at=None)
            assert not held.exists(), "a credential is still valid"
        for attempt in attempts:
            assert not local.credential_file(attempt).exists()
            state = self.backend.observe(attempt).state
            pid, start = state.get("program_pid", 0), state.get("program_pid_start", 0)
            assert not is_process(int(pid or 0), int(start or 0))
            for directory in (state.get("cgroup") or {}).get("directories", {}).values():
                assert not Path(directory).exists()
            assert not os.path.lexists(self.backend.socket_path(attempt))
            assert not processes_of(attempt), "a process of the job is left"

    def close(self) -> None:
        """End whatever a failed test left running and remove every directory."""
        for seen in self.backend.sweep():
            self.backend.kill(seen.attempt)
            until(lambda a=seen.attempt: not self.backend.observe(a).alive)
            self.backend.remove(seen.attempt)
        with contextlib.suppress(OSError):
            self.backend.socket_path("x").parent.parent.rmdir()


def ended(
    house: House, job: TrainingJob, phase: str, reason: str, *says: str, location: str = ""
) -> dict[str, Any]:
    """The one claim every case makes: the true state with its reason, a sentence, the proof and the
    next step, in the row, in the API and on the page, and nothing left over. Returns the API's
    document."""
    assert (job.phase, job.reason) == (phase, reason), f"{job.message}\n{house.log(job)[-3000:]}"
    told = house.api(f"/training-jobs/{job.pk}")
    assert (told["phase"], told["reason"]) == (phase, reason)
    for text in says:
        assert text in told["message"], told["message"]
    page = house.page(f"/training-jobs/{job.pk}")
    assert escaped(told["message"])[:60] in page
    if phase == "Failed":
        assert told["detail"]["next"], f"{reason} has no next step"
        assert 'role="alert"' in page
        assert reason in page
        assert escaped(told["detail"]["next"]) in page
    if location:
        assert told["detail"]["location"] == location
        assert location in page
    house.nothing_left(job)
    return told  # type: ignore[no-any-return]


def escaped(text: str) -> str:
    """A sentence as pages show it."""
    from console.ui.html import ticked

    return str(ticked(text))


def agency_of(owner: people.Person, *actions: str) -> Agency:
    """An agency that lets the platform do everything (or only ``actions``) for the account."""
    return make.agency(
        owner.user.account, make.statement("Allow", *(actions or ("obs:*:*", "modelarts:*:*")))
    )


def processes_of(attempt: str) -> list[int]:
    """Processes on this host that carry the attempt's mark in their environment."""
    mark, found = f"MODELYARD_ATTEMPT={attempt}".encode(), []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(entry.path, "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def without(agency: Agency) -> None:
    """Take the agency's rights away."""
    from django.db import transaction

    from accounts import facts

    with TURN, transaction.atomic():
        PolicyAttachment.objects.filter(agency=agency).delete()
        facts.bump(agency.account_id)


@contextlib.contextmanager
def probe(results: Mapping[str, Any]) -> Iterator[None]:
    """Show everything a probing program found when one of its claims fails."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{error}\nfound: {json.dumps(results, indent=1)}") from error
