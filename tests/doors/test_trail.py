"""Every operation of the API, played once: the row that it leaves in the trail, and no second one.

Names are those of tables 7-1 to 7-6 of the vendor's product introduction where they have the
operation; the other events are the product's own. Moves of a state by the platform are a family of
their own (``stateChanged``) and are not counted here.
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from accounts.group.models import Membership
from compute.engines import manage
from compute.slot.models import Slot
from core import event_names, registry
from core.models import AuditRecord
from sharing.invitation.models import Invitation
from sharing.unit import services as units
from tests.doors.knock import doors, send
from tests.doors.world import World
from tests.storage import people

pytestmark = pytest.mark.django_db
MATRIX = Path(__file__).with_name("matrix.csv")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")

#: what is done before the operation; a text is the address to send it to instead of the usual one
Before = Callable[[World], str | None]


@dataclass(frozen=True)
class Play:
    """One operation: its event, its vendor type, who does it, and what has to be so before."""

    event: str
    vendor_type: str = ""
    who: str = "root"
    before: Before | None = None
    besides: frozenset[str] | set[str] = frozenset()  # data events, one per object taken along


def phase(slug: str, value: str, **more: Any) -> Before:
    def put(world: World) -> None:
        obj = world.objects[slug]
        type(obj).objects.unscoped("test").filter(pk=obj.pk).update(phase=value, **more)

    return put


def unshared(world: World) -> None:
    units.delete(world.people["root"].actor, world.objects["share-units"])


def empty_bucket(world: World) -> str:
    return f"/api/v1/buckets/{people.bucket(world.people['root'], 'hollow').name}"


def a_rerun(world: World) -> None:
    phase("training-jobs", "Completed", parent_id=uuid.uuid4())(world)


def a_dirty_slot(world: World) -> str:
    slot = Slot.objects.create(
        attempt=uuid.uuid4(), pool="public", flavor="f", cpus=1, memory_mb=1, dirty=True,
        account=world.owner, resource_type="training.trainingjob", resource_id="x",
    )  # fmt: skip
    return f"/api/v1/dirty-slots/{slot.attempt}/free"


def suspended(world: World) -> None:
    type(world.owner).objects.filter(pk=world.ids["account"]).update(is_active=False)


def disabled(world: World) -> None:
    user = world.objects["users"]
    type(user).objects.unscoped("test").filter(pk=user.pk).update(is_active=False)


def no_member(world: World) -> None:
    Membership.objects.filter(group=world.objects["groups"]).delete()


def accepted_invitation(world: World) -> str:
    rows = Invitation.objects.unscoped("test").filter(
        account_id=world.people["accepted"].user.account_id
    )
    return f"/api/v1/share-invitations/{rows.get().pk}/leave"


def lax(world: World) -> None:
    world.strict(False)


JOB = "ModelArtsTrainJob"
TABLE: dict[str, Play | list[Play]] = {
    "PATCH account": Play("updateStrictMode", before=lax),
    "POST accounts": Play("createAccount", who="operator"),
    "PUT accounts/<str:pk>/quotas/<str:kind>": Play("updateQuotas", who="operator"),
    "POST accounts/<str:pk>/resume": Play("resumeAccount", who="operator", before=suspended),
    "POST accounts/<str:pk>/suspend": Play("suspendAccount", who="operator"),
    "POST agencies": Play("createAgency", "IAM"),
    "DELETE agencies/<uuid:pk>": Play("deleteAgency", "IAM"),
    "PATCH agencies/<uuid:pk>": Play("updateAgency", "IAM"),
    "POST agencies/<uuid:pk>/revoke": Play("revokeAgency", "IAM"),
    "POST blocked-accounts": Play("blockAccount"),
    "DELETE blocked-accounts/<uuid:pk>": Play("unblockAccount"),
    "PATCH blocked-accounts/<uuid:pk>": Play("updateBlockedAccount"),
    "POST buckets": Play("createBucket"),
    "DELETE buckets/<str:bucket>/objects": Play("deleteObject"),
    "DELETE buckets/<str:bucket>/objects/<key:key>": Play("deleteObject"),
    "PUT buckets/<str:bucket>/objects/<key:key>": Play("putObject"),
    "DELETE buckets/<str:pk>": Play("deleteBucket", before=empty_bucket),
    "PATCH buckets/<str:pk>": Play("updateBucket"),
    "POST buckets/<str:pk>/purge": Play("purgeBucket", besides={"deleteObject"}),
    "POST dataset-versions": Play("publishDatasetVersion", "dataset"),
    "DELETE dataset-versions/<uuid:pk>": Play("deleteDatasetVersion", "dataset"),
    "PATCH dataset-versions/<uuid:pk>": Play("updateDatasetVersion", "dataset"),
    "POST dataset-versions/<uuid:pk>/retry": Play(
        "retryDatasetVersion", "dataset", before=phase("dataset-versions", "Error")
    ),
    "POST datasets": Play("createDataset", "dataset"),
    "DELETE datasets/<uuid:pk>": Play("deleteDataset", "dataset", before=unshared),
    "PATCH datasets/<uuid:pk>": Play("updateDataset", "dataset"),
    "POST datasets/<uuid:pk>/add-version": Play("publishDatasetVersion", "dataset"),
    "POST dirty-slots/<uuid:pk>/free": Play("freeSlot", who="operator", before=a_dirty_slot),
    "POST engines/<str:name>/prepare": Play("buildEngine", who="operator"),
    "POST groups": Play("createGroup"),
    "DELETE groups/<uuid:pk>": Play("deleteGroup"),
    "PATCH groups/<uuid:pk>": Play("updateGroup"),
    "POST groups/<uuid:pk>/members": Play("addUserToGroup", before=no_member),
    "DELETE groups/<uuid:pk>/members/<uuid:user>": Play("removeUserFromGroup"),
    "POST models": Play("addModel", "model"),
    "DELETE models/<uuid:pk>": Play("deleteModel", "model", before=unshared),
    "PATCH models/<uuid:pk>": Play("updateModel", "model"),
    "POST models/<uuid:pk>/deprecate": Play("deprecateModel", "model"),
    "POST models/<uuid:pk>/restore": Play(
        "restoreModel", "model", before=phase("models", "Deprecated")
    ),
    "POST models/<uuid:pk>/retry": Play(
        "retryModel", "model",
        before=phase(
            "models", "Failed", problems=[{"level": "error", "code": "ENGINE_UNSUPPORTED"}]
        ),
    ),
    "POST policies": Play("createPolicy"),
    "DELETE policies/<uuid:pk>": Play("deletePolicy"),
    "PATCH policies/<uuid:pk>": Play("updatePolicy"),
    "POST policy-attachments": Play("attachPolicy"),
    "DELETE policy-attachments/<int:pk>": Play("detachPolicy", "IAM"),
    "POST services": Play("addService", "service"),
    "DELETE services/<uuid:pk>": Play("deleteService", "service"),
    "PATCH services/<uuid:pk>": Play("updateService", "service"),
    "POST services/<uuid:pk>/start": Play("startOrStopService", "service"),
    "POST services/<uuid:pk>/stop": Play(
        "startOrStopService", "service", before=phase("services", "Running")
    ),
    "POST share-invitations/<uuid:pk>/accept": Play(
        "acceptResourceShareInvitation", who="pending"
    ),
    "POST share-invitations/<uuid:pk>/block": Play("blockAccount", who="pending"),
    "POST share-invitations/<uuid:pk>/leave": Play(
        "leaveResourceShare", who="accepted", before=accepted_invitation
    ),
    "POST share-invitations/<uuid:pk>/reject": Play(
        "rejectResourceShareInvitation", who="pending"
    ),
    "POST share-units": Play("createResourceShare"),
    "DELETE share-units/<uuid:pk>": Play("deleteResourceShare"),
    "PATCH share-units/<uuid:pk>": Play("updateResourceShare"),
    "POST tokens": Play("createApiToken"),
    "DELETE tokens/<uuid:pk>": Play("deleteApiToken"),
    "POST training-jobs": Play("createModelArtsTrainJob", JOB),
    "DELETE training-jobs/<uuid:pk>": [
        Play("deleteModelArtsTrainJob", JOB),
        Play("deleteModelArtsTrainVersion", JOB, before=a_rerun),
    ],
    "PATCH training-jobs/<uuid:pk>": Play("updateModelArtsTrainDesc", JOB),
    "POST training-jobs/<uuid:pk>/rerun": Play("createModelArtsTrainVersion", JOB),
    "POST training-jobs/<uuid:pk>/stop": Play(
        "stopModelArtsTrainVersion", JOB, before=phase("training-jobs", "Running")
    ),
    "POST users": Play("createUser"),
    "DELETE users/<uuid:pk>": Play("deleteUser"),
    "PATCH users/<uuid:pk>": Play("updateUser"),
    "POST users/<uuid:pk>/disable": Play("disableUser"),
    "POST users/<uuid:pk>/enable": Play("enableUser", before=disabled),
    "POST users/<uuid:pk>/end-sessions": Play("endSessions"),
    "POST users/<uuid:pk>/reset-password": Play("resetPassword"),
}  # fmt: skip
#: what needs more than a row in the database; each is played where it is named
ELSEWHERE = {
    "POST auth/password": "changePassword, tests/accounts/test_signin.py",
    "POST auth/tokens": "login, tests/accounts/test_signin.py",
    "POST setup": "setUp, tests/accounts/test_signin.py",
    "POST training-jobs/<uuid:pk>/retry-upload": "tests/training/test_retry_upload.py",
}
PLAYS = [
    (door, play)
    for door, plays in TABLE.items()
    for play in (plays if isinstance(plays, list) else [plays])
]


def operations() -> set[str]:
    """Every unsafe door of the API, without the verb that does not exist."""
    with MATRIX.open(newline="") as file:
        names = {row["door"] for row in csv.DictReader(file)}
    return {
        name.replace(" /api/v1/", " ")
        for name in names
        if name.startswith(UNSAFE) and " /api/v1/" in name and "no-such-verb" not in name
    }


def test_every_operation_is_in_the_table() -> None:
    assert operations() == set(TABLE) | set(ELSEWHERE)


@pytest.mark.parametrize(("door", "play"), PLAYS, ids=lambda value: getattr(value, "event", None))
def test_an_operation_leaves_one_row(
    world: World, door: str, play: Play, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MODELYARD_ENGINES = str(tmp_path)  # none is built
    monkeypatch.setattr(manage, "launch_build", lambda root, name: None)
    method, _space, route = door.partition(" ")
    one = next(d for d in doors(world) if d.name == f"{method} /api/v1/{route}")
    with transaction.atomic():
        address = play.before(world) if play.before else None
        last = AuditRecord.objects.order_by("-id").values_list("id", flat=True).first() or 0
        answer: Any = send(world, play.who, one, address or "")
        rows = AuditRecord.objects.filter(id__gt=last).exclude(action=event_names.TRANSITION)
        own = list(rows.filter(account_id=world.people[play.who].user.account_id))
        transaction.set_rollback(True)
    assert 200 <= answer.status_code < 300, answer.body
    assert {row.event for row in own} - {play.event} == play.besides
    (row,) = [row for row in own if row.event == play.event]
    kind = row.resource_type
    declared = {spec.type_label: spec.trail_type for spec in registry.all_specs()}
    assert declared.get(kind, "") == play.vendor_type, kind
    assert row.result == "ok"
    assert row.actor_label.endswith(f"@{world.people[play.who].user.account.name}")
