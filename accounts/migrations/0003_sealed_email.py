"""E-mail addresses are sealed; those that are there are sealed here."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

import core.digests
from accounts.user import contact

SOME = 500


def seal(apps: Any, _schema_editor: Any) -> None:
    """``email`` -> ``sealed_email`` and ``email_digest``."""
    users = apps.get_model("accounts", "User")._base_manager
    rows = users.exclude(email="").only("pk", "email")
    for user in rows.iterator(chunk_size=SOME):
        users.filter(pk=user.pk).update(**contact.columns(user.pk, user.email))


def unseal(apps: Any, _schema_editor: Any) -> None:
    """The way back."""
    users = apps.get_model("accounts", "User")._base_manager
    rows = users.exclude(sealed_email="").only("pk", "sealed_email")
    for user in rows.iterator(chunk_size=SOME):
        users.filter(pk=user.pk).update(email=contact.opened(user.pk, user.sealed_email))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_policy_names")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sealed_email",
            field=models.TextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="user",
            name="email_digest",
            field=core.digests.DigestField(
                about=contact.ABOUT, blank=True, default="", editable=False, max_length=64
            ),
        ),
        migrations.RunPython(seal, unseal),
        migrations.RemoveField(model_name="user", name="email"),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["account", "email_digest"], name="user_by_email"),
        ),
    ]
