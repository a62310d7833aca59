"""Custom policies get a rule for names of their own; those with a system policy's name get another
name, so that attaching by name cannot take the wider of two."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.db import migrations, models

from accounts.policy.names import system_policy_like, validate_policy_name


def rename(apps: Any, _schema_editor: Any) -> None:
    """``ModelArts FullAccess`` of an account becomes ``ModelArts FullAccess-custom``."""
    policies = apps.get_model("accounts", "Policy")._base_manager
    for policy in policies.only("id", "account_id", "name").iterator():
        if system_policy_like(policy.name) is None:
            continue
        for number in count(1):
            ending = "-custom" if number == 1 else f"-custom-{number}"
            name = policy.name[: 64 - len(ending)] + ending
            if not policies.filter(account_id=policy.account_id, name=name).exists():
                policies.filter(pk=policy.pk).update(name=name)
                break


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="policy",
            name="name",
            field=models.CharField(
                max_length=64, validators=[validate_policy_name], verbose_name="name"
            ),
        ),
        migrations.RunPython(rename, migrations.RunPython.noop),
    ]
