"""Inputs and outputs of a job: how their paths reach the program, and what comes in before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Sum

from compute.catalog.flavors import FLAVORS
from compute.runner.spec import ENV_NAME, OWN_ENV, RESERVED_ENV
from compute.sandbox.spec import MIB
from core.actor import Actor
from core.errors import Problem
from storage.bucket.models import Bucket
from storage.object import listing
from training import messages

METHODS = ("parameter", "env")
COUNTED = 100_000  # objects of an output path whose sizes are added up


def ways(data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the ways in which paths and flags reach the program."""
    secrets = data["secrets"]
    variables = {*(data.get("environment") or {}), *secrets["environment"]}
    for name in sorted(variables):
        if name in RESERVED_ENV:
            yield Problem("environment", messages.SET_BY_PLATFORM(name=name))
        elif name.startswith(OWN_ENV):
            yield _own("environment", name)
    for field in ("inputs", "outputs"):
        for item in data[field]:
            if item.get("access_method", "parameter") == "env":
                yield from _variable(field, item["name"], variables)
    for name in sorted(data.get("hyperparameters") or {}):
        if name in secrets["hyperparameters"]:
            yield Problem("hyperparameters", messages.BAD_FLAG(name=name))


def _own(field: str, name: str) -> Problem:
    return Problem(field, messages.NAME_RESERVED(name=name, own_env=OWN_ENV))


def _variable(field: str, name: str, variables: set[str]) -> Iterator[Problem]:
    if not ENV_NAME.match(name):
        yield Problem(field, messages.NOT_A_VARIABLE(name=name))
    elif name.startswith(OWN_ENV):
        yield _own(field, name)
    elif name in RESERVED_ENV | variables:
        yield Problem(field, messages.VARIABLE_TWICE(name=name))


def predownload(
    actor: Actor, data: Mapping[str, Any], there: Mapping[str, Bucket]
) -> Iterator[Problem]:
    """What is copied in from output paths has to fit on the flavor's disk.

    ``there``: the buckets by name that the actor may see; of others is told elsewhere.
    """
    total, disk = 0, FLAVORS[data["flavor"]].disk_mb * MIB
    for item in data["outputs"]:
        bucket = there.get(item["bucket"])
        if item.get("predownload") and bucket is not None:
            rows = listing.in_prefix(
                listing.visible_rows(actor).filter(bucket=bucket), item["prefix"]
            )
            first = rows.order_by("key")[:COUNTED]
            total += first.aggregate(bytes=Sum("size"))["bytes"] or 0
    if total > disk:
        yield Problem(
            "outputs", messages.PREDOWNLOAD_TOO_LARGE(total=total, flavor=data["flavor"], disk=disk)
        )
