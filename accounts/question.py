"""One run through the evaluation order, from the caller to the account boundary.

The order is that of docs/mechanisms/access.md; ``accounts.access`` adds the terms of shares.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q

from accounts import engine, reasons
from accounts.actions import OPERATOR_ONLY, PASSWORD_CHANGE, SELF_SERVICE
from accounts.ambient import ambient, still_open
from accounts.principal import Principal
from accounts.rows import EVERY_ROW, NO_ROW, has_paths, rows_q
from core.access import Context, Decision, Step, Target
from core.actor import Actor
from core.codes import joined
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
                reasons.REQUIRED_KEYS(
                    action=self.action, keys=", ".join(f"`{k}`" for k in missing)
                ),
            )
        self._step("required_keys", "pass", reasons.STEP_KEYS())
        return self._policies()

    def standing(self) -> Decision:
        """Steps 1 to 4: whether the caller may do anything at all now."""
        stopped = self._stopped()
        if stopped is not None:
            return stopped
        reason = reasons.SIGNED_IN(who=self.principal.label)
        return Decision(True, self.action, "account", reason, tuple(self.steps))

    def _stopped(self) -> Decision | None:
        p, action = self.principal, self.action
        self._step("authenticated", "pass", reasons.STEP_WHO(who=p.label, via=self.actor.via))
        if not p.account.is_active:
            return self._deny("account", reasons.SUSPENDED(account=p.account.name))
        if not p.is_active:
            return self._deny("account", reasons.DISABLED(who=p.label))
        self._step("account", "pass", reasons.STEP_ACTIVE())
        if p.must_change_password and action.lower() != PASSWORD_CHANGE:
            return self._deny(
                "password",
                reasons.HAS_TEMPORARY_PASSWORD(who=p.label),
                missing=reasons.OWN_PASSWORD(),
            )
        return None

    def _policies(self) -> Decision:
        p, action = self.principal, self.action
        identity = self._evaluate(p.identity)
        agency = self._evaluate(p.agency.policies) if p.agency else None
        for outcome, rule in (
            (identity, reasons.DENY_OF_USER()),
            (agency, reasons.DENY_OF_AGENCY()),
        ):
            if outcome is not None and outcome.effect == "explicit_deny":
                rules: list[str] = [outcome.reason, rule]
                if agency is not None and outcome is identity:
                    rules.append(reasons.ON_BEHALF_TOO())
                return self._deny(
                    "explicit_deny",
                    reasons.MAY_NOT(who=p.label, action=action, why=joined(rules)),
                    statement=_statement(outcome),
                )
        self._step("explicit_deny", "pass", reasons.STEP_NO_DENY())
        if action.lower() in OPERATOR_ONLY:
            if p.account.is_operator and p.is_root and agency is None:
                return self._allow("operator", reasons.OPERATOR_LOOKS_AFTER())
            return self._deny("operator", reasons.OPERATOR_ONLY(action=action))
        decided, why, statement = self._identity(identity)
        if decided is None:
            return self._implicit(why)
        self._step(decided, "allow", why)
        if agency is not None and p.agency is not None:
            if not agency.allowed and self.rows_of is None:
                return self._deny(
                    "agency",
                    reasons.AGENCY_LACKS(agency=p.agency.name, action=action),
                    missing=reasons.GRANT_AGENCY(right=self._grant(), agency=p.agency.name),
                )
            self._step("agency", "allow", reasons.STEP_AGENCY(agency=p.agency.name))
        self._step("guarded_key", "skip", reasons.STEP_GUARDED())
        # Until workspaces exist every object is in the account's default one, open to its users.
        self._step("workspace", "skip", reasons.STEP_WORKSPACE())
        if self.own:
            self._step("owner", "pass", reasons.STEP_OWNER())
        return Decision(
            True, action, decided, reasons.MAY(who=p.label, action=action, why=why),
            tuple(self.steps), statement=statement,
        )  # fmt: skip

    def _identity(self, outcome: engine.Outcome) -> tuple[str | None, str, str]:
        """(step that says yes or None, sentence, statement)."""
        p = self.principal
        if p.is_root:
            said = reasons.MAIN_ACCOUNT if self.own else reasons.MAIN_ACCOUNT_ELSEWHERE
            return "main_account", said(), ""
        self._step("main_account", "skip", reasons.STEP_NOT_MAIN())
        self._step("ceiling", "skip", reasons.STEP_NO_CEILING())
        if outcome.allowed:
            why = reasons.BY_STATEMENT(
                action=self.action, number=outcome.statement, policy=outcome.policy_name
            )
            return "identity", why, _statement(outcome)
        if self.rows_of is not None:
            return "identity", reasons.BY_ROWS(), ""
        if engine.allowed_by_default(self.action, strict=p.account.strict_mode):
            return "identity", reasons.NOT_STRICT(), ""
        if self.action.lower() in SELF_SERVICE and is_own_thing(self.actor, self.target.instance):
            return "identity", reasons.OWN_SIGN_IN(), ""
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
            True, self.action, step,
            reasons.MAY(who=self.principal.label, action=self.action, why=why),
            tuple(self.steps),
        )  # fmt: skip

    def _deny(self, step: str, reason: str, *, missing: str = "", statement: str = "") -> Decision:
        self._step(step, "deny", reason)
        return Decision(
            False, self.action, step, reason, tuple(self.steps), missing=missing,
            statement=statement,
        )  # fmt: skip

    def _implicit(self, why: str) -> Decision:
        missing = self._grant()
        reason = reasons.NOT_ALLOWED(
            who=self.principal.label, action=self.action, why=why, missing=missing
        )
        return self._deny("identity", reason, missing=missing)


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
