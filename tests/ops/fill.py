# ruff: noqa: E402 settings come before models
"""A small installation's own processes, for tests of backup and restore: ``fill.py WHAT [FILE]``.

Each runs as a process of its own over the data folder and database that its environment names.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

import django

BUCKET = "bytes"
if os.environ.get("MODELYARD_OBJECT_STORE"):  # an S3 service inside this process
    import boto3
    from moto import mock_aws

    mock_aws().start()
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)

django.setup()

from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.account.models import Account
from accounts.session.models import SignInSession
from accounts.token import services as tokens
from accounts.token.models import ApiToken
from compute.slot.models import Slot
from core.errors import NotFound
from core.models import AuditRecord, Event, Lease
from ops.models import Backup
from serving.service.models import Instance, Service
from storage.backends import store
from storage.blob.models import Blob
from storage.object import services as objects
from storage.object.models import StoredObject
from tests.accounts import make
from tests.ops.fill_data import KEYS, data
from tests.storage import people
from training.job.models import Attempt, OutputClaim, TrainingJob


def base() -> None:
    """Accounts, objects, and work that runs."""
    owner = people.Person(make.root_of(make.account("acme", operator=True)))
    people.bucket(owner, "data")
    for number in range(KEYS):
        people.put(owner, "data", f"in/{number}.bin", data(number))
    agency = make.agency(owner.user.account, make.statement("Allow", "obs:*:*"), name="platform")
    own = {
        "account_id": owner.user.account_id,
        "region": "cn-north-1",
        "created_by_id": owner.user.pk,
        "agency_id": agency.pk,
    }
    code = {
        "code_bucket": "data", "code_prefix": "code/", "boot_file": "train.py",
        "engine": "python_3.11-sklearn-cpu", "flavor": "modelyard.cpu.1u",
    }  # fmt: skip
    for name, phase, desired in (
        ("runs", "Running", "running"), ("ends", "Terminating", "stopped"),
        ("silent", "Abnormal", "running"), ("waits", "Pending", "running"),
        ("done", "Completed", "running"),
    ):  # fmt: skip
        job = TrainingJob.objects.create(**own, **code, name=name, phase=phase, desired=desired)
        if name not in ("waits",):
            attempt = Attempt.objects.create(job=job, number=1)
            log = Path(os.environ["MODELYARD_VAR"], "work", "attempts", str(attempt.pk), "log")
            log.mkdir(parents=True)
            (log / f"{0:020d}.log").write_text(f"epoch 1 of {name}\n")
        if phase in ("Running", "Terminating", "Abnormal"):
            _hold(job, attempt)
            OutputClaim.objects.create(
                job=job, account_id=own["account_id"], bucket="data", prefix=f"out/{name}/"
            )
            tokens.issue_credential(owner.user, agency, f"training.trainingjob:{job.pk}", 3600.0)
    for name, phase, desired in (
        ("serves", "Running", "running"), ("comes", "Deploying", "running"),
        ("goes", "Stopping", "stopped"), ("rests", "Stopped", "stopped"),
    ):  # fmt: skip
        service = Service.objects.create(
            **own, name=name, phase=phase, desired=desired, flavor="modelyard.cpu.1u",
            engine="python_3.11-sklearn-cpu", model_label="m", model_account_id=own["account_id"],
            started_by_id=owner.user.pk,
        )  # fmt: skip
        if phase != "Stopped":
            instance = Instance.objects.create(service=service, number=1, state="Ready")
            _hold(service, instance)
    Lease.objects.create(key="training.trainingjob:x", holder="somebody", expires_at=timezone.now())
    SignInSession.objects.create(user=owner.user, session_key="x" * 32)
    Session.objects.create(session_key="x" * 32, session_data="", expire_date=timezone.now())
    tokens.create(owner.actor, "script")


def _hold(holder: Any, attempt: Any) -> None:
    Slot.objects.create(
        attempt=attempt.pk, pool="public", flavor="modelyard.cpu.1u", cpus=1, memory_mb=1024,
        account_id=holder.account_id, resource_type=holder._meta.label_lower,
        resource_id=str(holder.pk),
    )  # fmt: skip


def owner() -> people.Person:
    return people.Person(make.root_of(Account.objects.get(name="acme")))


def load(stop: str) -> None:
    """Upload, replace and delete until the file is there; prints how often."""
    who, turn, done = owner(), random.Random(os.getpid()), 0
    while not Path(stop).exists():
        key = f"in/{turn.randrange(KEYS)}.bin"
        if turn.random() < 0.4:
            with contextlib.suppress(NotFound):
                objects.delete_object(who.actor, "data", key)
        else:
            people.put(who, "data", key, turn.randbytes(turn.randrange(200_000)))
        done += 1
    print(done)


def show() -> None:
    """What the rows and the store say, as JSON: ``whole`` names blobs whose bytes are right."""
    place = store()
    whole = []
    for blob in Blob.objects.all():
        try:
            with place.open(blob.stored_name) as file:
                read = file.read()
        except Exception as error:
            print(blob, error, file=sys.stderr)
            continue
        if (len(read), hashlib.sha256(read).hexdigest()) == (blob.size, blob.sha256):
            whole.append(blob.stored_name)
    rows = StoredObject.objects.unscoped("test").select_related("blob")
    jobs = TrainingJob.objects.unscoped("test").order_by("name")
    services = Service.objects.unscoped("test").order_by("name")
    account = Account.objects.get(name="acme")
    found = {
        "blobs": sorted(blob.stored_name for blob in Blob.objects.all()),
        "whole": sorted(whole),
        "stored": sorted(one.name for one in place.stored(-60.0)),
        "objects": {row.key: row.blob.sha256 for row in rows},
        "jobs": {j.name: [j.phase, j.reason, j.message] for j in jobs},
        "services": {s.name: [s.phase, s.reason, s.message] for s in services},
        "events": list(Event.objects.values_list("code", flat=True)),
        "attempts": Attempt.objects.filter(ended_at=None).count(),
        "instances": Instance.objects.filter(ended_at=None).count(),
        "slots": Slot.objects.count(),
        "claims": OutputClaim.objects.count(),
        "leases": Lease.objects.count(),
        "sessions": SignInSession.objects.count() + Session.objects.count(),
        "credentials": ApiToken.objects.filter(kind="credential", revoked_at=None).count(),
        "tokens": ApiToken.objects.filter(kind="user", revoked_at=None).count(),
        "password": make.root_of(account).check_password(make.PASSWORD),
        "backups": [[b.name, b.state, b.message] for b in Backup.objects.all()],
        "trail": list(AuditRecord.objects.values_list("event", flat=True)),
    }
    print(json.dumps(found))


def forget(*keys: str) -> None:
    """Delete objects."""
    for key in keys:
        objects.delete_object(owner().actor, "data", key)


def blobs() -> None:
    """How many blobs have the same bytes, by the name of each that has any."""
    rows = list(Blob.objects.all())
    copies = Counter(blob.sha256 for blob in rows)
    print(json.dumps({blob.stored_name: copies[blob.sha256] for blob in rows if blob.size}))


def flip(path: str) -> None:
    """Change one bit in the middle of a file; twice is back again."""
    file = Path(path)
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])


def bring(var: str) -> None:
    """Put the stored files of a data folder into the store of this process."""
    for path in Path(var).glob("objects/??/*"):
        with path.open("rb") as file:
            store().put(path.name, file, path.stat().st_size)


STEPS = {
    "base": base, "bring": bring, "blobs": blobs, "flip": flip, "forget": forget, "load": load,
    "show": show,
}  # fmt: skip


def steps(text: str) -> None:
    """Several, one after another, and management commands among them: [[word, ...], ...]. Prints
    one JSON list: what each said and, where it failed, its error."""
    done = []
    for name, *words in json.loads(text):
        said, error = io.StringIO(), ""
        with contextlib.redirect_stdout(said):
            try:
                if name in STEPS:
                    STEPS[name](*words)
                else:
                    call_command(name, *words, stdout=said, stderr=said)
            except CommandError as refused:
                error = str(refused)
        done.append({"said": said.getvalue(), "error": error})
    print(json.dumps(done))


if __name__ == "__main__":
    {**STEPS, "steps": steps}[sys.argv[1]](*sys.argv[2:])
