"""After a restore: what the rows say about the world outside them is brought to the truth.

Processes, slots, sessions and credentials belong to the installation that the backup was made
from. Nothing here sends a signal or looks at a process: rows are closed, and every job and service
that ran says what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from accounts.account.models import Account
from compute.slot import services as slots
from core import actor as actors
from core import audit, reconcile
from ops.backup.manifest import Manifest
from ops.models import Backup
from serving.service import restored as services
from training.job import restored as jobs


def settle(manifest: Manifest, *, same: bool) -> Iterator[str]:
    """Do it in one transaction, safe to do twice; yields what was done, line by line."""
    with transaction.atomic(), actors.acting(actors.system("restore")):
        reconcile.forget_leases()
        slots.forget_all()
        sessions = accounts.end_all_sessions()
        Session.objects.all().delete()
        credentials = accounts.revoke_all_credentials()
        ended = jobs.settle(manifest.began)
        again = services.settle(manifest.began)
        _backups(manifest)
        _tell_operator(manifest, same=same)
    yield f"sessions ended: {sessions}; credentials of running work revoked: {credentials}"
    yield f"jobs that ran: {ended}, each says that its end is not known"
    yield f"services that ran: {again}, their instances are started anew"


def _backups(manifest: Manifest) -> None:
    """The copy was made while its own backup ran. Others that ran are not ours."""
    running = Backup.objects.filter(state=Backup.State.RUNNING)
    size = manifest.blobs["bytes"] + sum(part.size for part in manifest.files)
    running.filter(name=manifest.id).update(
        state=Backup.State.FAULTY if manifest.faults else Backup.State.DONE,
        ended_at=timezone.now(),
        blobs=manifest.blobs["count"],
        size=size,
        message="This installation was restored from it.",
    )
    running.update(
        state=Backup.State.FAILED,
        ended_at=timezone.now(),
        message="It ran when the backup was made from which this installation was restored.",
    )


def _tell_operator(manifest: Manifest, *, same: bool) -> None:
    what = "in the place of the original" if same else "as an installation of its own"
    for account in Account.objects.filter(is_operator=True):
        audit.record(
            actors.system("restore"),
            event="restoreInstallation",
            action="platform:installation:restore",
            account_id=account.pk,
            resource_type="ops.backup",
            resource_id=manifest.id,
            resource_name=manifest.id,
            message=f"Restored from the backup of {manifest.began}, {what}.",
        )
