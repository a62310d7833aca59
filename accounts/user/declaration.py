"""What the kernel knows of users."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.user import services
from accounts.user.models import User
from core.registry import Declaration, Verb, register

SPEC = register(
    Declaration(
        model=User,
        slug="users",
        iam="iam:users",
        label=_("User"),
        label_plural=_("Users"),
        section="iam",
        order=10,
        actions={
            "list": "listUsers",
            "get": "getUser",
            "create": "createUser",
            "update": "updateUser",
            "delete": "deleteUser",
        },
        services=services,
        filters=("is_active",),
        search=("name", "email_digest", "description"),
        verbs=(
            Verb(
                "reset-password",
                "iam:users:resetPassword",
                _("Reset password"),
                services.reset_password,
                event="resetPassword",
            ),
            Verb(
                "disable",
                "iam:users:updateUser",
                _("Disable"),
                services.disable,
                idle=lambda user: not user.is_active,
                event="disableUser",
            ),
            Verb(
                "enable",
                "iam:users:updateUser",
                _("Enable"),
                services.enable,
                idle=lambda user: user.is_active,
                event="enableUser",
            ),
            Verb(
                "end-sessions",
                "iam:users:endSessions",
                _("Sign out everywhere"),
                services.end_sessions,
                event="endSessions",
            ),
        ),
        quota=("users", 200),
        regional=False,
        changes_rights=True,
    )
)
