"""Quotas: one's own account for who may read them, any account for the operator."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.account.models import Account
from accounts.quota import services
from console.pages.base import Page
from core.quotas import Usage
from core.shell import NavLink, add_link


class QuotasPage(Page):
    """What one's own account uses and may have."""

    action = services.READ

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(
            "accounts/quota/list.html",
            {"title": _("Quotas"), "quotas": services.own(self.actor), "account": None},
        )


class AccountQuotasPage(Page):
    """The same of any account, with a field for each limit.

    POST: ``limit-<key>`` for each kind, ``was-<key>`` as it was drawn; what differs is saved, all
    or nothing. With ``default`` that kind goes back to its default, and nothing else is saved.
    """

    actions: ClassVar = {"get": services.CHANGE, "post": services.CHANGE}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        account, rows = services.of_account(self.actor, pk)
        return self.show(account, rows)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        account, rows = services.of_account(self.actor, pk)
        typed = {
            row.key: request.POST[f"limit-{row.key}"].strip()
            for row in rows
            if f"limit-{row.key}" in request.POST
        }
        back = request.POST.get("default", "")
        if back:
            self.tell(services.set_limit(self.actor, pk, back, None))
            typed.pop(back, None)
            return self.show(*services.of_account(self.actor, pk), typed)
        changed = {k: t for k, t in typed.items() if t != request.POST.get(f"was-{k}", "")}
        wrong = {key: text for key, t in changed.items() if (text := _problem(t))}
        if wrong:
            return self.show(account, rows, typed, wrong, status=400)
        with transaction.atomic():
            saved = [services.set_limit(self.actor, pk, k, int(t)) for k, t in changed.items()]
        for usage in saved:
            self.tell(usage)
        if not saved:
            messages.info(request, _("Nothing was changed."))
        return HttpResponseRedirect(reverse("accounts:account-quotas", args=[pk]))

    def tell(self, usage: Usage) -> None:
        text = _("The limit of “%(label)s” is now %(limit)s.")
        messages.success(self.request, text % {"label": usage.label, "limit": usage.limit})

    def show(
        self,
        account: Account,
        rows: list[Usage],
        typed: dict[str, str] | None = None,
        wrong: dict[str, str] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """``typed``: fields as they were sent; ``wrong``: why some were not taken. By key."""
        typed, wrong = typed or {}, wrong or {}
        return self.render(
            "accounts/quota/list.html",
            {
                "title": _("Quotas of %(name)s") % {"name": account.name},
                "breadcrumbs": [
                    {"label": _("Accounts"), "url": reverse("accounts:accounts")},
                    {"label": _("Quotas of %(name)s") % {"name": account.name}, "url": ""},
                ],
                "quotas": rows,
                "fields": {
                    row.key: {
                        "value": typed.get(row.key, str(row.limit)),
                        "wrong": wrong.get(row.key, ""),
                        "first": row.key == next(iter(wrong), None),
                    }
                    for row in rows
                },
                "account": account,
            },
            status=status,
        )


def _problem(typed: str) -> str:
    """Why this is no limit, "" where it is one."""
    if not typed:
        return _("Type a limit, or choose “Back to default”.")
    if not (typed.isascii() and typed.isdigit()) or len(typed) > 9 or int(typed) > services.HIGHEST:
        return _("A limit is a whole number from 0 to %(highest)s.") % {
            "highest": f"{services.HIGHEST:,}"
        }
    return ""


add_link(
    NavLink(
        "iam",
        gettext_lazy("Quotas"),
        "accounts:quotas",
        "chart-bar",
        action=services.READ,
        order=85,
    )
)
