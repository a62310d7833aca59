"""Django's authentication backend: an account, a user in it, a password."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.account.models import Account
from accounts.user.models import User


class AccountBackend(BaseBackend):
    """``authenticate(account=, user=, password=)``; an empty ``user`` is the root user.

    Unknown account, unknown user, wrong password, expired temporary password, disabled user and
    suspended account all give None after one password hash, so the time tells nothing.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        account: str | None = None,
        user: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if account is None or password is None:
            return None
        found = find(account, user or "")
        if found is None:
            User().set_password(password)  # as long as a check takes
            return None
        if not found.check_password(password) or not self.may_sign_in(found):
            return None
        return found

    @staticmethod
    def may_sign_in(user: User) -> bool:
        """Active, in an active account, and not with a temporary password past its end."""
        if not (user.is_active and user.account.is_active):
            return False
        end = user.password_expires_at
        return end is None or end > timezone.now()

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session; None once the user or the account is switched off."""
        try:
            key = uuid.UUID(str(user_id))
        except ValueError:
            return None
        user = (
            User.objects.unscoped("who is signed in")
            .select_related("account")
            .filter(pk=key, is_active=True, account__is_active=True)
            .first()
        )
        return user if isinstance(user, User) else None


def find(account: str, user: str) -> User | None:
    """The user a sign-in form names; ``account`` is a name in any case, or an id."""
    rows = User.objects.unscoped("sign-in").select_related("account")
    rows = rows.filter(Q(account__name__iexact=account) | Q(account_id=account))
    rows = rows.filter(name__iexact=user) if user else rows.filter(is_root=True)
    found = rows.first()
    return found if isinstance(found, User) else None


def account_of(account: str) -> str | None:
    """The id of the account that a sign-in form names; None where there is none."""
    rows = Account.objects.filter(Q(name__iexact=account) | Q(pk=account))
    return rows.values_list("pk", flat=True).first()
