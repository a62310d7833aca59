"""Pages of this room outside the generic ones."""

from django.urls import path
from django.utils.translation import gettext_lazy as _

from accounts.account import pages as account
from accounts.policy import pages as policy
from accounts.quota import pages as quota
from accounts.signin import pages
from core.shell import NavLink, add_link

app_name = "accounts"

urlpatterns = [
    path("sign-in", pages.SignInPage.as_view(), name="sign-in"),
    path("sign-out", pages.SignOutPage.as_view(), name="sign-out"),
    path("password", pages.PasswordPage.as_view(), name="password"),
    path("setup", pages.SetUpPage.as_view(), name="setup"),
    path("security", pages.SecurityPage.as_view(), name="security"),
    path("security/tokens/<uuid:pk>/revoke", pages.RevokeTokenPage.as_view(), name="revoke-token"),
    path("security/sessions/<uuid:pk>/end", pages.EndSessionPage.as_view(), name="end-session"),
    path("security/strict-mode", pages.StrictModePage.as_view(), name="strict-mode"),
    path("system-policies", policy.SystemPoliciesPage.as_view(), name="system-policies"),
    path("accounts", account.AccountsPage.as_view(), name="accounts"),
    path("quotas", quota.QuotasPage.as_view(), name="quotas"),
    path("accounts/<str:pk>/quotas", quota.AccountQuotasPage.as_view(), name="account-quotas"),
    path("accounts/<str:pk>/state", account.AccountStatePage.as_view(), name="account-state"),
]

add_link(NavLink("iam", _("My security"), "accounts:security", "shield-lock", order=1))
