"""Hyperparameters and environment variables of a job: who reads them, and which are never read.

Their values are for the program and for the user who submitted the job. The trail, lists and other
users' views have the names alone. A secret value is written once and shown to no user again; the
database keeps it encrypted, and the log shows ``***`` in its place.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from core import access, sealed
from core.actor import Actor
from training import messages
from training.job.models import TrainingJob

KINDS = ("environment", "hyperparameters")
FIELDS = tuple(field for kind in KINDS for field in (kind, f"secret_{kind}"))
Values = dict[str, str]
Pairs = dict[str, str | None]  # None: a bare flag
#: reading the values of a job is reading the job, and one thing more
READ, VALUES = "modelarts:trainJob:get", "values"
_WORDS = re.compile(r"[a-z0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")  # of a name of 128 characters
_SECRET = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials",
     "apikey"}
)  # fmt: skip
_KEYS = frozenset({"api", "access", "private", "secret", "auth", "account", "service", "signing"})
_TOKENS = _KEYS | {"hf", "hub", "bearer", "refresh", "github", "gitlab", "wandb", "huggingface"}


def looks_secret(kind: str, name: str) -> bool:
    """Whether a value of this name is taken for a secret although it was not said to be one.

    A variable that ends in TOKEN or KEY is; of a hyperparameter these words mean other things
    (``pad_token``, ``sort_key``) unless the word before says whose.
    """
    words = [word.lower() for word in _WORDS.findall(name[:128])]
    if not words:
        return False
    if _SECRET & set(words):
        return True
    before, last = (words[-2] if len(words) > 1 else ""), words[-1]
    if last in ("token", "key") and kind == "environment":
        return True
    return (last == "token" and (before in _TOKENS or not before)) or (
        last == "key" and before in _KEYS
    )


def separated(spec: dict[str, Any]) -> dict[str, Values]:
    """Take the secrets out of ``spec`` (a job's specification): those given as such
    (``secret_environment``, ``secret_hyperparameters``) and those whose name looks like one."""
    found: dict[str, Values] = {}
    for kind in KINDS:
        plain = dict(spec.get(kind) or {})
        looks = [n for n, v in plain.items() if v is not None and looks_secret(kind, n)]
        secret = {name: plain.pop(name) for name in looks}
        found[kind] = secret | dict(spec.pop(f"secret_{kind}", None) or {})
        spec[kind] = {n: v for n, v in plain.items() if v is None or n not in found[kind]}
    return found


def keep(job: TrainingJob, secrets: Mapping[str, Values]) -> None:
    """Write secrets into a job that is not saved yet."""
    job.sealed_names = {kind: sorted(secrets[kind]) for kind in KINDS if secrets[kind]}
    job.sealed = sealed.seal(json.dumps(secrets), _about(job.pk)) if job.sealed_names else ""


def secrets_of(job: TrainingJob) -> dict[str, Values]:
    """The secrets of a job, for its program only. Raises Unsealable."""
    if not job.sealed:
        return {kind: {} for kind in KINDS}
    opened: dict[str, Values] = json.loads(sealed.unseal(job.sealed, _about(job.pk)))
    return opened


def shown(job: TrainingJob, kind: str, actor: Actor | None) -> dict[str, str | None]:
    """Names with what this reader may have of the values: None in place of each that they may not,
    and of a flag, which has none.

    None as ``actor`` is an unknown reader, such as a list.
    """
    plain: Pairs = getattr(job, kind)
    if actor is not None and readable(job, actor):
        return dict(plain)
    return dict.fromkeys(plain)


def readable(job: TrainingJob, actor: Actor) -> bool:
    """Whether this user reads the values of ``job``, and may have another job read them."""
    return access.decide(actor, READ, access.about(actor, job, verb=VALUES)).allowed


def register() -> None:
    """Tell the one decision that values are their submitter's."""
    access.guard(READ, _submitter)


def _submitter(actor: Actor, target: access.Target) -> access.Refusal | None:
    job = target.instance
    if target.verb != VALUES or not isinstance(job, TrainingJob):
        return None
    if actor.user_id is not None and actor.user_id == job.created_by_id:
        return None
    return access.Refusal("submitter", messages.VALUES_OF_SUBMITTER(job=job))


def secret_names(job: TrainingJob, kind: str) -> list[str]:
    """Names of the secret values of one kind."""
    return list((job.sealed_names or {}).get(kind, ()))


def names(job: TrainingJob) -> dict[str, list[str]]:
    """Names of all values, by the field of the API that takes them (``FIELDS``)."""
    plain = {kind: list(getattr(job, kind)) for kind in KINDS}
    return plain | {f"secret_{kind}": secret_names(job, kind) for kind in KINDS}


def _about(job_id: uuid.UUID) -> str:
    return f"training.trainingjob:{job_id}:secrets"
