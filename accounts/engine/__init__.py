"""The policy engine: a pure function from policies and a request to a decision, with its
explanation.

Pure Python; it knows neither the framework nor the database. Start with
docs/mechanisms/policies.md.
"""

from accounts.engine.catalog import (
    Action,
    Catalog,
    CatalogError,
    ConditionKey,
    Service,
    default_catalog,
    missing_required_keys,
    register,
)
from accounts.engine.compile import CompiledCache, CompiledPolicies, compile_policies, policy_key
from accounts.engine.document import (
    Policy,
    PolicyDocument,
    Problem,
    Validation,
    dump,
    load_stored,
    split_suggestion,
    validate,
)
from accounts.engine.evaluate import (
    Outcome,
    Request,
    Step,
    allowed_by_default,
    evaluate,
    evaluate_guarded,
)
from accounts.engine.filters import (
    Everything,
    Nothing,
    Paths,
    Patterns,
    ResourceFilter,
    resource_filter,
)

__all__ = [
    "Action",
    "Catalog",
    "CatalogError",
    "CompiledCache",
    "CompiledPolicies",
    "ConditionKey",
    "Everything",
    "Nothing",
    "Outcome",
    "Paths",
    "Patterns",
    "Policy",
    "PolicyDocument",
    "Problem",
    "Request",
    "ResourceFilter",
    "Service",
    "Step",
    "Validation",
    "allowed_by_default",
    "compile_policies",
    "default_catalog",
    "dump",
    "evaluate",
    "evaluate_guarded",
    "load_stored",
    "missing_required_keys",
    "policy_key",
    "register",
    "resource_filter",
    "split_suggestion",
    "validate",
]
