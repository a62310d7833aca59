"""Rows of services as a deployment leaves them, without a process."""

from __future__ import annotations

from serving.service.models import Instance, Service


def running(account_id: str, name: str = "digits") -> Service:
    """A running service of this account with one ready instance."""
    made = Service.objects.create(
        account_id=account_id,
        region="cn-north-1",
        name=name,
        phase="Running",
        model_label="m",
        engine="e",
        model_account_id=account_id,
        flavor="f",
    )
    Instance.objects.create(service=made, number=1, state="Ready")
    return made
