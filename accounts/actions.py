"""Actions of this room beyond the vendor's names, and the two groups with rules of their own."""

from __future__ import annotations

from accounts import engine

#: what all users may do about their own sign-in; a Deny still takes it away
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
#: services whose actions no agency carries: background work moves data, it does not move rights
NEVER_ON_BEHALF = frozenset({"iam", "resource_share", "cts"})
#: all that a runner does with its credential: read code, inputs and models, write outputs
CREDENTIAL_CARRIES = frozenset(
    {
        "obs:bucket:headbucket",
        "obs:bucket:listbucket",
        "obs:object:getobject",
        "obs:object:putobject",
        "modelarts:dataset:getdataset",
        "modelarts:dataset:getdatasetversion",
        "modelarts:dataset:use",
        "modelarts:model:get",
        "modelarts:model:deploy",
    }
)
#: only the root user of the operator's account
OPERATOR_ONLY = frozenset(
    {
        "iam:accounts:createaccount",
        "iam:accounts:listaccounts",
        "iam:accounts:suspendaccount",
        "iam:quotas:updatequotas",
        "modelarts:slot:free",
        "modelarts:backup:list",
    }
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
            engine.Action(
                "modelarts:slot:free",
                "See and free capacity that is held back. Operator's main account only.",
                scope="project",
            ),
            engine.Action(
                "modelarts:backup:list",
                "See the backups of this installation. Operator's main account only.",
                scope="project",
            ),
        ]
    )
