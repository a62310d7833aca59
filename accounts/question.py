"""One run through the evaluation order, from the caller to the account boundary.

The order is that of docs/mechanisms/access.md; ``accounts.access`` adds the terms of shares.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q

from accounts import engine
from accounts.actions import OPERATOR_ONLY, PASSWORD_CHANGE, SELF_SERVICE
from accounts.ambient import ambient, still_open
from accounts.principal import Principal
from accounts.rows import EVERY_ROW, NO_ROW, has_paths, rows_q
from core.access import Context, Decision, Step, Target
from core.actor import Actor
from core.models import Resource


class Question:
    """One run through the evaluation order up to the account boundary."""

    def __init__(
        self,
        principal: Principal,
        actor: Actor,
        action: str,
        target: Target,
        context: Context,
        *,
        rows_of: type[Resource] | None = None,
    ) -> None:
        self.principal = principal
        self.actor = actor
        self.action = action
        self.target = target
        self.own = target.account_id == principal.account.id
        self.context: dict[str, Any] = dict(context)
        if principal.keys:
            given = ambient(principal, actor, action, target)
            self.context |= {k: v for k, v in given.items() if k.lower() in principal.keys}
        self.open = still_open(principal, action, target, context)
        #: a list over a type with paths: whether there are rows is for ``rows`` to say
        self.rows_of = rows_of if rows_of is not None and has_paths(rows_of) else None
        self.steps: list[Step] = []

    def answer(self) -> Decision:
        """Steps 1 to 9. For another account's object a yes is only the consumer's half."""
        stopped = self._stopped()
        if stopped is not None:
            return stopped
        missing = self._missing_keys()
        if missing:
            return self._deny(
                "required_keys",
                f"`{self.action}` cannot be judged without {', '.join(f'`{k}`' for k in missing)}, "
                "which a policy asks about. Send it with the request.",
            )
        self._step("required_keys", "pass", "nothing the policies ask about is missing")
        return self._policies()

    def standing(self) -> Decision:
        """Steps 1 to 4: whether the caller may do anything at all now."""
        stopped = self._stopped()
        if stopped is not None:
            return stopped
        reason = f"{self.principal.label} is signed in and active."
        return Decision(True, self.action, "account", reason, tuple(self.steps))

    def _stopped(self) -> Decision | None:
        p, action = self.principal, self.action
        self._step("authenticated", "pass", f"{p.label}, by {self.actor.via}")
        if not p.account.is_active:
            return self._deny("account", f"Account “{p.account.name}” is suspended.")
        if not p.is_active:
            return self._deny("account", f"{p.label} is disabled.")
        self._step("account", "pass", "account and user are active")
        if p.must_change_password and action.lower() != PASSWORD_CHANGE:
            return self._deny(
                "password",
                f"{p.label} has a temporary password. Change it first.",
                missing="a password of one's own",
            )
        return None

    def _policies(self) -> Decision:
        p, action = self.principal, self.action
        identity = self._evaluate(p.identity)
        agency = self._evaluate(p.agency.policies) if p.agency else None
        for outcome, whose in ((identity, "the user's"), (agency, "the agency's")):
            if outcome is not None and outcome.effect == "explicit_deny":
                behalf = (
                    " This also holds when the platform works on the user's behalf."
                    if agency is not None and outcome is identity
                    else ""
                )
                return self._deny(
                    "explicit_deny",
                    f"{p.label} may not do `{action}`: {outcome.reason} A deny in {whose} "
                    f"policies wins over every allow.{behalf}",
                    statement=_statement(outcome),
                )
        self._step("explicit_deny", "pass", "no policy denies it")
        if action.lower() in OPERATOR_ONLY:
            if p.account.is_operator and p.is_root and agency is None:
                return self._allow("operator", "the operator's main account looks after accounts")
            return self._deny("operator", f"`{action}` is for the operator's main account only.")
        decided, why, statement = self._identity(identity)
        if decided is None:
            return self._implicit(f"{p.label} may not do `{action}`: {why}", self._grant())
        self._step(decided, "allow", why)
        if agency is not None and p.agency is not None:
            if not agency.allowed and self.rows_of is None:
                return self._deny(
                    "agency",
                    f"Agency “{p.agency.name}” lacks `{action}`: no policy attached to it allows "
                    "it, so the platform may not do it on the user's behalf. Attach one that does.",
                    missing=f"{self._grant()} on agency {p.agency.name}",
                )
            self._step("agency", "allow", f"agency “{p.agency.name}” holds it too")
        self._step("guarded_key", "skip", "no guarded key is in this request")
        # Until workspaces exist every object is in the account's default one, open to its users.
        self._step("workspace", "skip", "default workspace")
        if self.own:
            self._step("owner", "pass", "the object belongs to the caller's account")
        return Decision(
            True, action, decided, f"{p.label} may do `{action}`: {why}.", tuple(self.steps),
            statement=statement,
        )  # fmt: skip

    def _identity(self, outcome: engine.Outcome) -> tuple[str | None, str, str]:
        """(step that says yes or None, sentence, statement)."""
        p = self.principal
        if p.is_root:
            where = "in its own account" if self.own else "and needs no policy in its own account"
            return "main_account", f"it is the main account, which holds every right {where}", ""
        self._step("main_account", "skip", "not the main account")
        self._step("ceiling", "skip", "no ceiling is set")
        if outcome.allowed:
            return "identity", outcome.reason.rstrip("."), _statement(outcome)
        if self.rows_of is not None:
            return "identity", "rows are filtered by the resources its policies name", ""
        if engine.allowed_by_default(self.action, strict=p.account.strict_mode):
            return "identity", "strict mode is off and no policy denies it", ""
        if self.action.lower() in SELF_SERVICE and is_own_thing(self.actor, self.target.instance):
            return "identity", "all users look after their own sign-in", ""
        return None, outcome.reason, ""

    def rows(self) -> Q:
        """Rows of the type that the policies let through, by path."""
        if self.rows_of is None:
            return EVERY_ROW
        p = self.principal
        service, kind, _operation = self.action.split(":")
        own = p.account.id if self.own else None
        found = EVERY_ROW
        if not p.is_root:
            found = rows_q(self._filter(p.identity), self.rows_of, service, kind, own)
            if engine.allowed_by_default(self.action, strict=p.account.strict_mode):
                found = EVERY_ROW & ~self._denied_rows(service, kind, own)
        if p.agency is not None:
            agency = self._filter(p.agency.policies)
            found &= rows_q(agency, self.rows_of, service, kind, own)
        return found

    def _denied_rows(self, service: str, kind: str, own: str | None) -> Q:
        assert self.rows_of is not None  # only asked for types with paths
        found = engine.resource_filter(self.principal.identity, self.action, self.context)
        if not isinstance(found, engine.Patterns):
            return NO_ROW
        denied = engine.Patterns(found.service, found.deny, ())
        return rows_q(denied, self.rows_of, service, kind, own)

    def _filter(self, policies: engine.CompiledPolicies) -> engine.ResourceFilter:
        return engine.resource_filter(policies, self.action, self.context)

    def _evaluate(self, policies: engine.CompiledPolicies) -> engine.Outcome:
        resource = None
        if self.target.path and self.action.count(":") == 2:
            service, kind, _operation = self.action.split(":")
            t = self.target
            resource = f"{service}:{t.region}:{t.account_id or ''}:{kind}:{t.path}"
        request = engine.Request(
            self.action,
            resource,
            self.context,
            self.principal.account.id,
            None if self.own else self.target.account_id,
            self.open,
        )
        return engine.evaluate(policies, request)

    def _missing_keys(self) -> list[str]:
        """Required keys that are absent and that a policy of the caller asks about (ruling V3).

        Where no policy asks, the answer is the same for every value, so the absence is harmless.
        """
        if not self.principal.keys or self.rows_of is not None:
            return []
        missing = engine.missing_required_keys(self.action, self.context)
        return [key for key in missing if key.lower() in self.principal.keys]

    def _grant(self) -> str:
        place = ""
        if self.target.path and self.action.count(":") == 2:
            service, kind, _operation = self.action.split(":")
            place = f" on {service}:*:*:{kind}:{self.target.path}"
        return f"Allow {self.action}{place}"

    def _step(self, name: str, outcome: str, text: str) -> None:
        self.steps.append(Step(name, outcome, text))

    def _allow(self, step: str, why: str) -> Decision:
        self._step(step, "allow", why)
        return Decision(
            True, self.action, step, f"{self.principal.label} may do `{self.action}`: {why}.",
            tuple(self.steps),
        )  # fmt: skip

    def _deny(self, step: str, reason: str, *, missing: str = "", statement: str = "") -> Decision:
        self._step(step, "deny", reason)
        return Decision(
            False, self.action, step, reason, tuple(self.steps), missing=missing,
            statement=statement,
        )  # fmt: skip

    def _implicit(self, reason: str, missing: str) -> Decision:
        hint = f" Ask an administrator of your account for “{missing}”."
        return self._deny("identity", reason + hint, missing=missing)


def is_own_thing(actor: Actor, instance: Model | None) -> bool:
    """Nothing in particular, oneself, or something that names the caller as its user."""
    if instance is None:
        return True
    return actor.user_id in (instance.pk, getattr(instance, "user_id", None))


def _statement(outcome: engine.Outcome) -> str:
    if outcome.statement is None:
        return ""
    sid = f" ({outcome.sid})" if outcome.sid else ""
    return f"{outcome.policy_name}, statement {outcome.statement}{sid}"
