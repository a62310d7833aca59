"""What is checked before a job is accepted: every problem at once, each with its next step."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from accounts.agency.models import Agency
from accounts.services import in_background
from compute.catalog.flavors import FLAVORS, pools
from compute.engines import catalogue
from core import access, regions, strict_json
from core.actor import Actor
from core.codes import Message, joined
from core.errors import AppError, NotFound, Problem
from datasets import queries as datasets
from storage.bucket import queries as buckets
from storage.bucket.models import Bucket
from storage.object import listing
from training import messages
from training.job import places
from training.job.models import TrainingJob

PARAMETER = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
MAX_INPUTS = 10  # vendor: at most 10 datasets per job
MAX_OUTPUTS = 10
MAX_PAIRS = 100
MAX_VALUE = 4096  # characters of a hyperparameter or variable


def directory(prefix: str) -> str:
    """A prefix as a directory: no leading slash, one trailing slash. "", "/" and "." are the root
    of the bucket, which is ""."""
    cleaned = prefix.strip().strip("/")
    return f"{cleaned}/" if cleaned not in ("", ".") else ""


def shape(data: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a job's specification as it is written. ``secrets`` in ``data`` are the
    secret values by kind."""
    found: list[Problem] = []
    found += _sizes(data)
    for kind, rule in (("hyperparameters", PARAMETER), ("environment", VARIABLE)):
        found += _pairs(kind, {**(data.get(kind) or {}), **data["secrets"][kind]}, rule)
    found += _names(data)
    found += places.ways(data)
    return found


def check(actor: Actor, data: Mapping[str, Any], agency: Agency | None) -> list[Problem]:
    """Everything wrong with what a specification of good ``shape`` names, as far as it can be known
    before the job runs. ``agency`` is the one that would carry the job (``agency_for``)."""
    there = _buckets(actor, data)
    found = _agency(actor, data, agency, there)
    found += _code(actor, data, there)
    found += _inputs(actor, data)
    found += _outputs(data, there)
    found += _regions(actor, data, there)
    found += places.predownload(actor, data, there)
    return found


def settle_engine(data: dict[str, Any]) -> list[dict[str, str]]:
    """Put the engine of the same framework in the place of a preset image of ModelArts.

    Returns the warning about it, as the job keeps it; empty where nothing was replaced.
    """
    asked = data["engine"]
    engine = None if asked in catalogue.ENGINES else catalogue.counterpart(asked)
    if engine is None:
        return []
    data["engine"] = engine.name
    replaced = messages.ENGINE_REPLACED(asked=asked, engine=engine.name)
    return [
        {
            "level": "warning",
            "code": "ENGINE_REPLACED",
            "field": "engine",
            "asked": asked,
            "text": str(replaced),
            "next": str(replaced.next),
        }
    ]


def warning(job: TrainingJob, problem: Mapping[str, Any]) -> Message:
    """A warning of the acceptance, with its next step."""
    if problem["code"] != "ENGINE_REPLACED" or "asked" not in problem:
        return joined([problem["text"], problem["next"]])
    replaced = messages.ENGINE_REPLACED(asked=problem["asked"], engine=job.engine)
    return joined([replaced, replaced.next])


def _sizes(data: Mapping[str, Any]) -> list[Problem]:
    found = []
    if data["engine"] not in catalogue.ENGINES:
        known = ", ".join(sorted(catalogue.ENGINES))
        found.append(Problem("engine", messages.ENGINE_UNKNOWN(engine=data["engine"], known=known)))
    if data["pool"] not in pools():
        found.append(Problem("pool", messages.POOL_UNKNOWN(pool=data["pool"])))
    flavor = FLAVORS.get(data["flavor"])
    if flavor is None:
        known = ", ".join(FLAVORS)
        found.append(Problem("flavor", messages.FLAVOR_UNKNOWN(flavor=data["flavor"], known=known)))
    elif data["pool"] in pools():
        pool = pools()[data["pool"]]
        if flavor.cpus > pool.cpus or flavor.memory_mb > pool.memory_mb:
            found.append(
                Problem(
                    "flavor",
                    messages.NO_CAPACITY(
                        flavor=flavor.label,
                        pool=pool.label,
                        cpus=pool.cpus,
                        memory=pool.memory_mb // 1024,
                    ),
                )
            )
    return found


def _pairs(field: str, pairs: Mapping[str, Any], rule: re.Pattern[str]) -> list[Problem]:
    found = []
    if len(pairs) > MAX_PAIRS:
        return [Problem(field, messages.TOO_MANY_ENTRIES(most=MAX_PAIRS))]
    for name, value in pairs.items():
        if not rule.match(name):
            found.append(Problem(field, messages.BAD_NAME(name=name)))
        if value is None and field == "hyperparameters":
            continue  # a flag
        if not isinstance(value, str) or "\0" in value or len(value) > MAX_VALUE:
            found.append(Problem(field, messages.BAD_VALUE(name=name, most=MAX_VALUE)))
    return found


def _names(data: Mapping[str, Any]) -> list[Problem]:
    found = []
    boot = data["boot_file"]
    if not boot.endswith(".py") or boot.startswith("/") or ".." in boot.split("/"):
        found.append(Problem("boot_file", messages.BOOT_FILE(boot=boot)))
    names = [i["name"] for i in [*data["inputs"], *data["outputs"]]]
    names += {**(data.get("hyperparameters") or {}), **data["secrets"]["hyperparameters"]}
    for name in strict_json.repeated(names):
        found.append(Problem("inputs", messages.NAME_TWICE(name=name)))
    for field in ("inputs", "outputs"):
        for item in data[field]:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", item["name"]):
                found.append(Problem(field, messages.BAD_PARAMETER_NAME(name=item["name"])))
    if len(data["inputs"]) > MAX_INPUTS:
        found.append(Problem("inputs", messages.TOO_MANY_INPUTS(most=MAX_INPUTS)))
    if len(data["outputs"]) > MAX_OUTPUTS:
        found.append(Problem("outputs", messages.TOO_MANY_OUTPUTS(most=MAX_OUTPUTS)))
    return found


def _agency(
    actor: Actor, data: Mapping[str, Any], agency: Agency | None, there: Mapping[str, Bucket]
) -> list[Problem]:
    """The late failure of other consoles, found early: what the agency lacks for this job."""
    if agency is None:
        return [Problem("", messages.AGENCY_MISSING())]
    found = []
    platform = in_background(actor, agency)
    for item in data["inputs"]:
        if "dataset_version" in item and (problem := _dataset_denied(actor, platform, item)):
            found.append(problem)
    for action, bucket, key, field in _needed(data):
        target = buckets.target(actor, there.get(bucket, bucket), key)
        decision = access.decide(platform, action, target)
        if not decision.allowed:
            found.append(
                Problem(
                    field,
                    messages.AGENCY_DENIED(
                        action=action, bucket=bucket, key=key, reason=decision.reason
                    ),
                    next=decision.missing,
                )
            )
    return found


def _dataset_denied(actor: Actor, platform: Actor, item: Mapping[str, Any]) -> Problem | None:
    """What the agency lacks for a dataset; whether it may be used at all is asked elsewhere."""
    try:
        version = datasets.usable_version(actor, str(item["dataset_version"]))
    except AppError:
        return None
    decision = access.decide(platform, datasets.USE, version.dataset)
    if decision.allowed:
        return None
    return Problem(
        "inputs",
        messages.AGENCY_DENIED_DATASET(
            use=datasets.USE, dataset=version.dataset, reason=decision.reason
        ),
        next=decision.missing,
    )


def _needed(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(action, bucket, key, field): each need once, under the first field that has it. ``*`` stands
    for the files of a directory, so that the advice names what a policy has to allow."""
    read = [(data["code_bucket"], data["code_prefix"], "code_prefix")]
    read += [(i["bucket"], i["prefix"], "inputs") for i in data["inputs"] if i.get("bucket")]
    needed = []
    for bucket, prefix, field in read:
        needed.append(("obs:bucket:ListBucket", bucket, "", field))
        needed.append(("obs:object:GetObject", bucket, f"{directory(prefix)}*", field))
    for item in data["outputs"]:
        key = f"{directory(item['prefix'])}*"
        needed.append(("obs:bucket:ListBucket", item["bucket"], "", "outputs"))
        needed.append(("obs:object:PutObject", item["bucket"], key, "outputs"))
        if item.get("predownload"):
            needed.append(("obs:object:GetObject", item["bucket"], key, "outputs"))
    first = {need[:3]: need for need in reversed(needed)}
    return list(reversed(first.values()))


def _buckets(actor: Actor, data: Mapping[str, Any]) -> dict[str, Bucket]:
    """The buckets for code, inputs and outputs that the actor sees, by name."""
    named = [item["bucket"] for item in [*data["inputs"], *data["outputs"]] if item.get("bucket")]
    there = {}
    for name in {data["code_bucket"], *named}:
        with contextlib.suppress(AppError):
            there[name] = buckets.bucket_named(actor, name)
    return there


def _regions(actor: Actor, data: Mapping[str, Any], there: Mapping[str, Bucket]) -> list[Problem]:
    """What lies in another region than the one that the job will run in."""
    named = [("code_bucket", data["code_bucket"])]
    for field in ("inputs", "outputs"):
        named += [(field, item["bucket"]) for item in data[field] if item.get("bucket")]
    used: list[tuple[str, Any]] = [(field, there[name]) for field, name in named if name in there]
    for item in data["inputs"]:
        if item.get("dataset_version"):
            with contextlib.suppress(AppError):
                version = datasets.visible_version(actor, str(item["dataset_version"]))
                used.append(("inputs", version))
    found = [regions.mismatch(what, actor.region, TrainingJob, field=f) for f, what in used]
    return list(dict.fromkeys(problem for problem in found if problem is not None))


def _code(actor: Actor, data: Mapping[str, Any], there: Mapping[str, Bucket]) -> list[Problem]:
    prefix = directory(data["code_prefix"])
    key = f"{prefix}{data['boot_file']}"
    bucket = there.get(data["code_bucket"])
    if bucket is None:
        return [Problem("code_bucket", messages.BUCKET_MISSING(bucket=data["code_bucket"]))]
    try:
        size = listing.size_of(actor, bucket, key)
    except NotFound:
        return [
            Problem("boot_file", messages.BOOT_FILE_MISSING(bucket=data["code_bucket"], key=key))
        ]
    except AppError as error:
        return [Problem("code_prefix", error.message, error.code, error.hint)]
    if size == 0:
        return [Problem("boot_file", messages.BOOT_FILE_EMPTY(bucket=data["code_bucket"], key=key))]
    return []


def _inputs(actor: Actor, data: Mapping[str, Any]) -> list[Problem]:
    found = []
    for item in data["inputs"]:
        if item.get("dataset_version"):
            try:
                datasets.usable_version(actor, uuid.UUID(str(item["dataset_version"])))
            except (AppError, ValueError) as error:
                text = messages.NO_VERSION_ID() if isinstance(error, ValueError) else error.message
                found.append(
                    Problem("inputs", messages.INPUT_UNKNOWN(name=item["name"], text=text))
                )
            continue
        where = f"obs://{item['bucket']}/{item['prefix']}"
        try:
            empty = not listing.list_objects(
                actor, item["bucket"], prefix=item["prefix"], limit=1
            ).items
        except AppError as error:
            found.append(
                Problem(
                    "inputs",
                    messages.INPUT_REFUSED(name=item["name"], where=where, error=error.message),
                    error.code,
                    error.hint,
                )
            )
            continue
        if empty:
            found.append(Problem("inputs", messages.INPUT_MISSING(name=item["name"], where=where)))
    return found


def _outputs(data: Mapping[str, Any], there: Collection[str]) -> list[Problem]:
    found = []
    for item in data["outputs"]:
        if item["bucket"] not in there:
            found.append(
                Problem(
                    "outputs",
                    messages.OUTPUT_BUCKET_MISSING(name=item["name"], bucket=item["bucket"]),
                )
            )
        if item["bucket"] == data["code_bucket"] and directory(data["code_prefix"]).startswith(
            directory(item["prefix"])
        ):
            found.append(Problem("outputs", messages.OUTPUT_OVER_CODE()))
    return found
