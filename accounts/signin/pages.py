"""Sign-in, sign-out, forced password change, first set-up, and "My security"."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.account import preview
from accounts.account.models import Account
from accounts.account.services import set_strict_mode
from accounts.actors import actor_of, circumstances, is_loopback
from accounts.services import user_of
from accounts.session import services as sessions
from accounts.signin import services, setup
from accounts.signin.forms import NewPasswordForm, SetUpForm, SignInForm, TokenForm
from accounts.token import services as tokens
from accounts.user.models import User
from console import once
from console.pages.act import inventory_context, type_it, typed
from console.pages.base import Page, safe_next
from core import access
from core.errors import (
    AppError,
    Conflict,
    NotAuthenticated,
    NotFound,
    QuotaExceeded,
    TooManyRequests,
    ValidationFailed,
)


class SignInPage(Page):
    """One form for the main account and for users."""

    public = "signing in is how one stops being anonymous"

    def get(self, request: HttpRequest) -> HttpResponse:
        if self.actor.is_user:
            return HttpResponseRedirect(safe_next(request, settings.LOGIN_REDIRECT_URL))
        return self.show(SignInForm(initial={"account": request.GET.get("account", "")}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        where = circumstances(request)
        try:
            user = services.verify(
                form.cleaned_data["account"],
                form.cleaned_data["user"],
                form.cleaned_data["password"],
                ip=where["source_ip"],
                user_agent=where["user_agent"],
                request_id=where["request_id"],
                device=request.COOKIES.get(services.DEVICE_COOKIE, ""),
            )
        except (NotAuthenticated, TooManyRequests) as error:
            form.add_app_error(error)
            response = self.show(form, status=error.status)
            if "retry_after" in error.extra:
                response["Retry-After"] = str(error.extra["retry_after"])
            return response
        sessions.begin(request, user)
        services.audit_success(actor_of(user, via="console", **where))
        goal = (
            settings.PASSWORD_CHANGE_URL
            if user.must_change_password
            else safe_next(request, settings.LOGIN_REDIRECT_URL)
        )
        response = HttpResponseRedirect(goal)
        remember_device(response, user)
        return response

    def show(self, form: SignInForm, status: int = 200) -> HttpResponse:
        return self.render(
            "accounts/sign_in.html",
            {
                "title": _("Sign in"),
                "form": form,
                "next": safe_next(self.request, ""),
                "set_up_open": is_loopback(self.request) and setup.is_open(),
            },
            status=status,
        )


def remember_device(response: HttpResponse, user: User) -> None:
    """So that somebody else's guessing does not keep this browser waiting."""
    response.set_cookie(
        services.DEVICE_COOKIE,
        services.device_token(user),
        max_age=int(services.DEVICE_AGE.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.BEHIND_TLS,
    )


class SignOutPage(Page):
    """POST only: a link in a mail must not sign anybody out."""

    public = "signing out an expired session is no error"

    def post(self, request: HttpRequest) -> HttpResponse:
        sessions.finish(request, self.actor)
        return HttpResponseRedirect(settings.LOGIN_URL)


class PasswordPage(Page):
    """The forced change at first sign-in, and every later one."""

    signed_in = "own password"
    while_password_expired = True

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(NewPasswordForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewPasswordForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        user = own_user(self)
        try:
            services.change_password(
                user,
                form.cleaned_data["old"],
                form.cleaned_data["new"],
                actor=self.actor,
                keep_session=request.session.session_key,
            )
        except (ValidationFailed, TooManyRequests) as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        sessions.renew(request, user)
        messages.success(
            request,
            _("Your password was changed. Your other sessions and your API tokens have ended."),
        )
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)

    def show(self, form: NewPasswordForm, status: int = 200) -> HttpResponse:
        return self.render(
            "accounts/password.html",
            {
                "title": _("Change password"),
                "form": form,
                "forced": self.actor.must_change_password,
            },
            status=status,
        )


class SetUpPage(Page):
    """The first account. 404 from anywhere but this machine, and 404 once there is an account."""

    public = "there is no account to sign in to yet"

    def check(self, request: HttpRequest) -> None:
        if not is_loopback(request) or not setup.is_open():
            raise NotFound()

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(SetUpForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SetUpForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        where = circumstances(request)
        try:
            root = setup.complete(
                form.cleaned_data["setup_token"],
                form.cleaned_data["account_name"],
                form.cleaned_data["password"],
                ip=where["source_ip"],
                request_id=where["request_id"],
            )
        except NotFound:
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        sessions.begin(request, root)
        messages.success(
            request,
            _("Account “%(name)s” was created. Its id is %(id)s.")
            % {"name": root.account.name, "id": root.account_id},
        )
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)

    def show(self, form: SetUpForm, status: int = 200) -> HttpResponse:
        return self.render(
            "accounts/set_up.html", {"title": _("Set up"), "form": form}, status=status
        )


class SecurityPage(Page):
    """One's own tokens and sessions."""

    signed_in = "own tokens and sessions"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(TokenForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a token; the answer shows it once."""
        form = TokenForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            made, url = once.run(
                self.actor,
                "api-tokens",
                form.cleaned_data["once"],
                lambda: tokens.create(
                    self.actor,
                    form.cleaned_data["name"],
                    lifetime=dt.timedelta(days=form.cleaned_data["days"]),
                ),
                lambda _made: reverse("accounts:security"),
            )
        except (Conflict, QuotaExceeded, ValidationFailed) as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        if made is None:
            messages.warning(
                request,
                _(
                    "The form was sent twice and made one token. Its text was in the first answer; "
                    "if you did not see it, revoke the token and create another."
                ),
            )
            return HttpResponseRedirect(url)
        return self.show(TokenForm(), made=made[1], status=201)

    def show(self, form: TokenForm, *, made: str = "", status: int = 200) -> HttpResponse:
        may_read = access.decide(self.actor, "iam:credentials:listCredentials").allowed
        return self.render(
            "accounts/security.html",
            {
                "title": _("My security"),
                "form": form,
                "made": made,
                "user": own_user(self),
                "account": Account.objects.get(pk=self.actor.account_id),
                "tokens": tokens.own_tokens(self.actor) if may_read else [],
                "sessions": sessions.own_sessions(self.actor),
                "this_session": self.request.session.session_key,
                "may_switch_strict": access.decide(
                    self.actor, "iam:accounts:updateAccount"
                ).allowed,
            },
            status=status,
        )


class RevokeTokenPage(Page):
    """POST: end one of one's own tokens."""

    signed_in = "own tokens"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        tokens.revoke(self.actor, pk)
        messages.success(request, _("The token was revoked."))
        return HttpResponseRedirect(reverse("accounts:security"))


class EndSessionPage(Page):
    """POST: sign out another browser of one's own."""

    signed_in = "own sessions"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        sessions.end(self.actor, pk)
        messages.success(request, _("The session was ended."))
        return HttpResponseRedirect(reverse("accounts:security"))


class StrictModePage(Page):
    """Strict mode of one's own account: GET asks, POST ``strict`` = on or off does it."""

    actions: ClassVar = dict.fromkeys(("get", "post"), "iam:accounts:updateAccount")

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(Account.objects.get(pk=self.actor.account_id))

    def show(self, account: Account, problem: str = "", status: int = 200) -> HttpResponse:
        off = account.strict_mode
        groups = preview.opening(account) if off else preview.closing(account)
        label = _("Turn strict mode off") if off else _("Turn strict mode on")
        return self.render(
            "generic/confirm.html",
            {
                "title": label,
                "lead": _("It holds from the next request on, for users of the account alone."),
                "icon": "lock-open" if off else "lock",
                "inventory": [inventory_context(group) for group in groups],
                "typed": account.name if off else "",
                "typed_so_far": self.request.POST.get("typed", ""),
                "problem": problem,
                "confirm_name": "strict",
                "confirm_value": "off" if off else "on",
                "submit_label": label,
                "cancel_url": reverse("accounts:security"),
                "tone": "danger" if off else "",
            },
            status=status,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        account = Account.objects.get(pk=self.actor.account_id)
        if request.POST.get("strict") != "on" and not typed(request, account.name):
            return self.show(account, type_it(), status=400)
        account = set_strict_mode(self.actor, request.POST.get("strict") == "on")
        text = _("Strict mode is on.") if account.strict_mode else _("Strict mode is off.")
        messages.success(request, text)
        return HttpResponseRedirect(reverse("accounts:security"))


def own_user(page: Page) -> Any:
    """The row of the signed-in user."""
    assert page.actor.user_id is not None  # Page lets users in only
    return user_of(page.actor.user_id)
