"""Filter sets: every declared list has a working one; yes-no filters filter both ways."""

import pytest
from django.http import QueryDict

from accounts.user.models import User
from console.filters import filterset_class
from core import registry
from tests.accounts.make import account, user


@pytest.mark.django_db
@pytest.mark.parametrize("spec", list(registry.all_specs()), ids=lambda spec: spec.slug)
def test_every_list_has_a_filter_form(spec):
    filters = filterset_class(spec)(QueryDict("q=x"), queryset=spec.model._base_manager.none())
    assert filters.form.is_valid(), filters.form.errors
    assert set(filters.form.fields) == {"q", *spec.filters}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "names"), [("true", {"anna"}), ("false", {"otto"}), ("", {"anna", "otto"})]
)
def test_a_yes_no_filter_filters_both_ways(given, names):
    owner = account()
    user(owner, "anna")
    user(owner, "otto", is_active=False)
    rows = User._base_manager.filter(account=owner, is_root=False)
    filters = filterset_class(registry.spec_of(User))(
        QueryDict(f"is_active={given}"), queryset=rows
    )
    assert filters.form.is_valid(), filters.form.errors
    assert {found.name for found in filters.qs} == names
