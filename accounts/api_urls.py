"""Routes of this room under /api/v1 beside the generic ones of its resources."""

from django.urls import path

from accounts.account.api import AccountStateView, AccountsView, OwnAccountView
from accounts.group.api import MembersView, MemberView
from accounts.policy.api import AttachmentsView, AttachmentView, SystemPoliciesView
from accounts.quota.api import AccountQuotasView, AccountQuotaView, QuotasView
from accounts.signin.api import MeView, PasswordView, SetUpView, TokenView
from accounts.token.api import OneTokenView, TokensView

urlpatterns = [
    path("auth/tokens", TokenView.as_view(), name="auth-tokens"),
    path("auth/password", PasswordView.as_view(), name="auth-password"),
    path("setup", SetUpView.as_view(), name="setup"),
    path("me", MeView.as_view(), name="me"),
    path("account", OwnAccountView.as_view(), name="account"),
    path("accounts", AccountsView.as_view(), name="accounts"),
    path(
        "accounts/<str:pk>/suspend",
        AccountStateView.as_view(active=False),
        name="account-suspend",
    ),
    path("accounts/<str:pk>/resume", AccountStateView.as_view(active=True), name="account-resume"),
    path("quotas", QuotasView.as_view(), name="quotas"),
    path("accounts/<str:pk>/quotas", AccountQuotasView.as_view(), name="account-quotas"),
    path("accounts/<str:pk>/quotas/<str:kind>", AccountQuotaView.as_view(), name="account-quota"),
    path("tokens", TokensView.as_view(), name="tokens"),
    path("tokens/<uuid:pk>", OneTokenView.as_view(), name="token"),
    path("groups/<uuid:pk>/members", MembersView.as_view(), name="group-members"),
    path("groups/<uuid:pk>/members/<uuid:user>", MemberView.as_view(), name="group-member"),
    path("system-policies", SystemPoliciesView.as_view(), name="system-policies"),
    path("policy-attachments", AttachmentsView.as_view(), name="policy-attachments"),
    path("policy-attachments/<int:pk>", AttachmentView.as_view(), name="policy-attachment"),
]
