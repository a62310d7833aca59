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
from core.errors import AppError, NotFound, Problem
from datasets import queries as datasets
from storage.bucket import queries as buckets
from storage.bucket.models import Bucket
from storage.object import listing
from training.job import places

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
    return [
        {
            "level": "warning",
            "code": "ENGINE_REPLACED",
            "field": "engine",
            "asked": asked,
            "text": f"“{asked}” is not installed here; the job runs in “{engine.name}”.",
            "next": "Check that the script runs with these versions, or name that engine.",
        }
    ]


def _sizes(data: Mapping[str, Any]) -> list[Problem]:
    found = []
    if data["engine"] not in catalogue.ENGINES:
        known = ", ".join(sorted(catalogue.ENGINES))
        found.append(
            Problem(
                "engine",
                f"No engine “{data['engine']}”.",
                "ENGINE_UNKNOWN",
                f"Choose one of: {known}.",
            )
        )
    if data["pool"] not in pools():
        found.append(Problem("pool", f"No resource pool “{data['pool']}”.", "POOL_UNKNOWN"))
    flavor = FLAVORS.get(data["flavor"])
    if flavor is None:
        known = ", ".join(FLAVORS)
        found.append(
            Problem(
                "flavor",
                f"No flavor “{data['flavor']}”.",
                "FLAVOR_UNKNOWN",
                f"Choose one of: {known}.",
            )
        )
    elif data["pool"] in pools():
        pool = pools()[data["pool"]]
        if flavor.cpus > pool.cpus or flavor.memory_mb > pool.memory_mb:
            found.append(
                Problem(
                    "flavor",
                    f"{flavor.label} can never run in {pool.label}.",
                    "NO_CAPACITY",
                    f"It has {pool.cpus:g} vCPU and {pool.memory_mb // 1024} GiB in all.",
                )
            )
    return found


def _pairs(field: str, pairs: Mapping[str, Any], rule: re.Pattern[str]) -> list[Problem]:
    found = []
    if len(pairs) > MAX_PAIRS:
        return [Problem(field, f"At most {MAX_PAIRS} entries.", "TOO_MANY")]
    for name, value in pairs.items():
        if not rule.match(name):
            found.append(
                Problem(
                    field,
                    f"“{name}” is not a valid name.",
                    "BAD_NAME",
                    "Use letters, digits and “_”, starting with a letter.",
                )
            )
        if value is None and field == "hyperparameters":
            continue  # a flag
        if not isinstance(value, str) or "\0" in value or len(value) > MAX_VALUE:
            found.append(
                Problem(
                    field,
                    f"The value of “{name}” must be text of at most {MAX_VALUE} characters.",
                    "BAD_VALUE",
                )
            )
    return found


def _names(data: Mapping[str, Any]) -> list[Problem]:
    found = []
    boot = data["boot_file"]
    if not boot.endswith(".py") or boot.startswith("/") or ".." in boot.split("/"):
        found.append(
            Problem(
                "boot_file",
                f"“{boot}” is not a Python file in the code directory.",
                "BOOT_FILE",
                "Give its path below the code directory, e.g. train.py.",
            )
        )
    names = [i["name"] for i in [*data["inputs"], *data["outputs"]]]
    names += {**(data.get("hyperparameters") or {}), **data["secrets"]["hyperparameters"]}
    for name in strict_json.repeated(names):
        found.append(
            Problem(
                "inputs",
                f"The parameter name “{name}” is used twice.",
                "NAME_TWICE",
                "Inputs, outputs and hyperparameters share one namespace.",
            )
        )
    for field in ("inputs", "outputs"):
        for item in data[field]:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", item["name"]):
                found.append(
                    Problem(field, f"“{item['name']}” is not a valid parameter name.", "BAD_NAME")
                )
    if len(data["inputs"]) > MAX_INPUTS:
        found.append(Problem("inputs", f"At most {MAX_INPUTS} inputs per job.", "TOO_MANY"))
    if len(data["outputs"]) > MAX_OUTPUTS:
        found.append(Problem("outputs", f"At most {MAX_OUTPUTS} outputs per job.", "TOO_MANY"))
    return found


def _agency(
    actor: Actor, data: Mapping[str, Any], agency: Agency | None, there: Mapping[str, Bucket]
) -> list[Problem]:
    """The late failure of other consoles, found early: what the agency lacks for this job."""
    if agency is None:
        return [
            Problem(
                "",
                "No agency lets the platform read and write your buckets on your behalf.",
                "AGENCY_MISSING",
                "The account's main user creates one under Access control → Agencies.",
            )
        ]
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
                    f"The job will need {action} on obs://{bucket}/{key}. {decision.reason}",
                    "AGENCY_DENIED",
                    decision.missing,
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
        f"The job will need {datasets.USE} on dataset “{version.dataset}”. {decision.reason}",
        "AGENCY_DENIED",
        decision.missing,
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
    found = [regions.mismatch(what, actor.region, "training job", field=f) for f, what in used]
    return list(dict.fromkeys(problem for problem in found if problem is not None))


def _code(actor: Actor, data: Mapping[str, Any], there: Mapping[str, Bucket]) -> list[Problem]:
    prefix = directory(data["code_prefix"])
    key = f"{prefix}{data['boot_file']}"
    bucket = there.get(data["code_bucket"])
    if bucket is None:
        return [
            Problem(
                "code_bucket",
                f"No bucket “{data['code_bucket']}” in this account.",
                "BUCKET_MISSING",
                "Create it, or choose one from the list.",
            )
        ]
    try:
        size = listing.size_of(actor, bucket, key)
    except NotFound:
        return [
            Problem(
                "boot_file",
                f"obs://{data['code_bucket']}/{key} does not exist.",
                "BOOT_FILE_MISSING",
                "Upload it, or correct directory and file name.",
            )
        ]
    except AppError as error:
        return [Problem("code_prefix", error.message, error.code, error.hint)]
    if size == 0:
        return [
            Problem("boot_file", f"obs://{data['code_bucket']}/{key} is empty.", "BOOT_FILE_EMPTY")
        ]
    return []


def _inputs(actor: Actor, data: Mapping[str, Any]) -> list[Problem]:
    found = []
    for item in data["inputs"]:
        if item.get("dataset_version"):
            try:
                datasets.usable_version(actor, uuid.UUID(str(item["dataset_version"])))
            except (AppError, ValueError) as error:
                text = error.message if isinstance(error, AppError) else "Not a dataset version id."
                found.append(Problem("inputs", f"Input “{item['name']}”: {text}", "INPUT_MISSING"))
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
                    f"Input “{item['name']}” at {where}: {error.message}",
                    error.code,
                    error.hint,
                )
            )
            continue
        if empty:
            found.append(
                Problem(
                    "inputs",
                    f"Input “{item['name']}”: nothing lies at {where}.",
                    "INPUT_MISSING",
                    "Upload data there, or pick another path.",
                )
            )
    return found


def _outputs(data: Mapping[str, Any], there: Collection[str]) -> list[Problem]:
    found = []
    for item in data["outputs"]:
        if item["bucket"] not in there:
            found.append(
                Problem(
                    "outputs",
                    f"Output “{item['name']}”: no bucket “{item['bucket']}” in this account.",
                    "BUCKET_MISSING",
                    "Create it, or choose one from the list.",
                )
            )
        if item["bucket"] == data["code_bucket"] and directory(data["code_prefix"]).startswith(
            directory(item["prefix"])
        ):
            found.append(
                Problem(
                    "outputs",
                    "The output path contains the code directory.",
                    "OUTPUT_OVER_CODE",
                    "Choose a directory of its own.",
                )
            )
    return found
