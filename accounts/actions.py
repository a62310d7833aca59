"""Actions of this room beyond the vendor's names, and the two groups with rules of their own."""

from __future__ import annotations

from accounts import engine

#: what everybody may do about his own sign-in; a Deny still takes it away
SELF_SERVICE = frozenset(
    {
        "iam:users:changeownpassword",
        "iam:credentials:listcredentials",
        "iam:credentials:createcredential",
        "iam:credentials:deletecredential",
    }
)
#: the one thing a user with a temporary password may do
PASSWORD_CHANGE = "iam:users:changeownpassword"  # noqa: S105  an action, not a password
#: only the root user of the operator's account
OPERATOR_ONLY = frozenset(
    {"iam:accounts:createaccount", "iam:accounts:listaccounts", "iam:accounts:suspendaccount"}
)


def register() -> None:
    """Add this room's actions to the catalogue."""
    engine.register(
        actions=[
            engine.Action(
                "iam:users:changeOwnPassword", "Change one's own password.", scope="global"
            ),
            engine.Action(
                "iam:accounts:createAccount",
                "Create an account. Operator's main account only.",
                scope="global",
            ),
            engine.Action(
                "iam:accounts:listAccounts",
                "See every account of the installation. Operator's main account only.",
                scope="global",
            ),
            engine.Action(
                "iam:accounts:suspendAccount",
                "Suspend or resume an account. Operator's main account only.",
                scope="global",
            ),
        ]
    )
