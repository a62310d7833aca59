"""Who and what there is: five accounts, people with different rights, data, shares, a history."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import program
from benchmarks.load.installation import ENGINE, ROOT, House
from client import Api, StepFailed, brief, wait
from demo.keep import new_password

NEW_ACCOUNTS = ("vision-team", "north-lab", "retail-forecast")
#: kind of people -> system policies of their group
RIGHTS = {
    "engineers": ("ModelArts CommonOperations", "ModelArts Dependency Access"),
    "leads": ("ModelArts FullAccess", "OBS Administrator", "ResourceShareFullAccess"),
    "readers": ("Tenant Guest",),
    "guards": ("Security Administrator", "Tenant Guest"),
    "partners": ("ResourceShareParticipantAccess", "load-no-services"),
}
NO_SERVICES = {
    "Version": "1.1",
    "Statement": [
        {"Effect": "Allow", "Action": ["modelarts:*:list*", "modelarts:*:get*"]},
        {"Effect": "Deny", "Action": ["modelarts:service:*"]},
    ],
}
FIRST = ("ada", "bo", "chen", "dana", "emil", "fatima", "goran", "hanna", "igor", "june", "kofi")
TOKEN = {"name": "load", "days": 1}
SERVICE_SECONDS = 300.0


@dataclass(slots=True)
class Member:
    """Somebody who signs in; ``user`` is empty for the main account."""

    account: str
    account_id: str
    password: str
    user: str = ""
    user_id: str = ""
    kind: str = "root"

    @property
    def label(self) -> str:
        return f"{self.account}/{self.user or 'root'}"


@dataclass(slots=True)
class World:
    """What the load works with."""

    people: list[Member] = field(default_factory=list)
    #: one per account: who submits the jobs, a token of that user, the bucket with the program
    submitters: list[tuple[Member, str, str]] = field(default_factory=list)
    service_address: str = ""
    service_token: str = ""
    pictures: list[bytes] = field(default_factory=list)
    words: str = ""


def fill(house: House, users: int) -> World:
    """Everything, through the API where people make it, and the past straight into the database.
    Raises StepFailed."""
    kept = json.loads((house.var / "demo.json").read_text())["people"]
    world = World()
    roots = [
        Member(kept[who]["account"], kept[who]["account_id"], kept[who]["password"])
        for who in ("owner", "consumer")
    ]
    operator = api_of(house, roots[0])
    service = running_service(operator)
    world.service_address, world.service_token = service["access_address"], operator.token
    for name in NEW_ACCOUNTS:
        made = operator.post("/accounts", {"name": name})
        member = Member(name, made["id"], made["initial_password"])
        _first_password(house, member)
        roots.append(member)
    share = [users // len(roots) + (n < users % len(roots)) for n in range(len(roots))]
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda pair: _account(house, *pair), zip(roots, share, strict=True))
        for people, submitter in done:
            world.people += people
            world.submitters.append(submitter)
    counts = _past(house, roots)
    _shares(house, roots)
    world.pictures = pictures(house)
    world.words = f"{len(world.people)} people in {len(roots)} accounts, {counts}"
    return world


def api_of(house: House, member: Member) -> Api:
    """The API with a fresh token of somebody."""
    made = Api(house.url).post(
        "/auth/tokens",
        {
            "account": member.account,
            "user": member.user,
            "password": member.password,
            **TOKEN,
        },
    )
    return Api(house.url, str(made["token"]), member.label)


def running_service(api: Api) -> dict[str, Any]:
    """A service of the account's newest model; the demonstration's ends with the share that it is
    about. Raises StepFailed."""
    model = next(row for row in api.items("/models") if row["phase"] == "Published")
    made = api.post("/services", {"name": "load", "model": model["id"], "replicas": 1})
    service: dict[str, Any] = wait(
        "Service load",
        lambda: api.get(f"/services/{made['id']}"),
        lambda row: row["phase"] in ("Running", "Failed", "Stopped"),
        within=SERVICE_SECONDS,
    )
    if service["phase"] != "Running":
        raise StepFailed(f"Service load: {brief(service)}")
    return service


def _first_password(house: House, member: Member) -> None:
    fresh = new_password()
    Api(house.url).post(
        "/auth/password",
        {"account": member.account, "user": member.user, "old": member.password, "new": fresh},
    )
    member.password = fresh


def _account(house: House, root: Member, size: int) -> tuple[list[Member], tuple[Member, str, str]]:
    """Groups, people, a bucket with the program and an agency of the one who submits jobs."""
    api = api_of(house, root)
    api.post("/policies", {"name": "load-no-services", "document": NO_SERVICES})
    groups = {}
    for name, policies in RIGHTS.items():
        groups[name] = api.post("/groups", {"name": name})["id"]
        for policy in policies:
            api.post("/policy-attachments", {"policy": policy, "group": groups[name]})
    people = [root][:size]
    kinds = list(RIGHTS)
    for number in range(max(1, size - 1)):  # at least somebody who submits jobs
        kind = kinds[number % len(kinds)]
        name = f"{FIRST[number % len(FIRST)]}-{number}" if number >= len(FIRST) else FIRST[number]
        made = api.post("/users", {"name": name, "groups": [groups[kind]]})
        member = Member(
            root.account, root.account_id, made["initial_password"], name, made["id"], kind
        )
        _first_password(house, member)
        people.append(member)
    submitter = next(member for member in people if member.kind == "engineers")
    bucket = f"{root.account}-work"
    api.post("/buckets", {"name": bucket})
    api.put_file(bucket, "code/program.py", Path(program.__file__))
    api.put_file(bucket, "in/words.txt", ROOT / "README.md")
    agency = {"name": "load-jobs", "grantee": submitter.user_id, "policies": ["OBS OperateAccess"]}
    api.post("/agencies", agency)
    return people[:size], (submitter, api_of(house, submitter).token, bucket)


def _past(house: House, roots: list[Member]) -> str:
    """Rows of the last months. The database is asked directly: what is over cannot be made through
    the API."""
    os.environ |= {
        "MODELYARD_VAR": str(house.var),
        "DATABASE_URL": house.database,
        "DJANGO_SETTINGS_MODULE": "console.settings",
    }
    import django

    django.setup()
    from benchmarks.load import history

    return history.write([root.account_id for root in roots])


def _shares(house: House, roots: list[Member]) -> None:
    """Every account shares models and datasets with the next two, who accept."""
    apis = [api_of(house, root) for root in roots]
    for number, api in enumerate(apis):
        models = api.get("/models", limit=12, phase="Published")["items"]
        datasets = api.get("/datasets", limit=6)["items"]
        if not models or not datasets:
            raise StepFailed(f"{api.label} has nothing to share.")
        others = [roots[(number + step) % len(roots)].account_id for step in (1, 2)]
        api.post(
            "/share-units",
            {
                "name": f"{roots[number].account}-for-all",
                "resources": [
                    *({"type": "registry.model", "id": row["id"]} for row in models),
                    *({"type": "datasets.dataset", "id": row["id"]} for row in datasets),
                ],
                "permissions": {"registry.model": "ModelUse", "datasets.dataset": "DatasetUse"},
                "principals": others,
            },
        )
    for number, api in enumerate(apis):
        waiting = api.items("/share-invitations", phase="PENDING")
        for row in waiting[: 1 + number % 2]:  # some invitations stay open
            api.post(f"/share-invitations/{row['id']}/accept")


def pictures(house: House) -> list[bytes]:
    """The digits that the demonstration's model has never seen."""
    python = house.engines / ENGINE / "bin" / "python"
    maker = ROOT / "samples" / "digits" / "make_digits.py"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(python), str(maker), folder], check=True, capture_output=True)
        return [path.read_bytes() for path in sorted(Path(folder, "heldout").glob("*.png"))]


def words(rows: dict[str, Any]) -> str:
    """Counts in one line."""
    return ", ".join(f"{count:,} {name}" for name, count in rows.items())
