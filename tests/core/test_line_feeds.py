"""A line feed at the end of what was checked is never overlooked."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ValidationError
from django.db.models import TextField, Value

from accounts.account.models import Account
from accounts.rows import anchored
from compute.runner import spec
from console.api import idempotency
from core.models.resource import validate_name
from registry.model.models import validate_version
from tests.accounts import make
from training.job import checks


@pytest.mark.parametrize(
    "rule",
    [
        spec.NAME,
        spec.HYPERPARAMETER,
        spec.ENV_NAME,
        spec.ATTEMPT,
        checks.PARAMETER,
        checks.VARIABLE,
        idempotency._KEY,
    ],
    ids=lambda rule: rule.pattern,
)
def test_an_expression_ends_where_the_text_ends(rule: re.Pattern[str]) -> None:
    assert rule.match("a") and not rule.match("a\n")


def test_a_name_and_a_version_end_where_the_text_ends() -> None:
    validate_name("a")
    validate_version("1.0.0")
    for check, text in ((validate_name, "a\n"), (validate_version, "1.0.0\n")):
        with pytest.raises(ValidationError):
            check(text)


@pytest.mark.django_db
def test_a_pattern_of_a_policy_ends_where_the_path_ends() -> None:
    make.account()
    for text, matches in (("a/b", True), ("a/b\n", False)):
        rows = Account.objects.annotate(text=Value(text, output_field=TextField()))
        assert rows.filter(text__regex=anchored("*b")).exists() is matches
        assert rows.filter(text__regex=anchored("a/b")).exists() is matches
