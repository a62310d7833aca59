"""What a model page says of findings: a true count, errors first, and a way on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core import actor
from registry.model import services
from registry.model.models import Model
from registry.package.report import PackageReport, said
from tests.registry.test_package import look
from tests.storage import people
from tests.storage.people import Person


def failed(owner: Person, *codes: str) -> Model:
    """A model whose check found a warning, then these errors."""
    model = Model.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name="digits",
        phase="Publishing",
        source={"bucket": "code", "prefix": "v1/"},
    )
    report = PackageReport(engine="e", model_type="PyTorch")
    report.warn("KEY_SPELLING", "model/config.json", "Spelled.", "Correct it.")
    for code in codes:
        report.error(code, "model/config.json", f"{code} is wrong.", "Mend it.")
    return services.checked(model, report, actor=actor.system("registry"))


@pytest.mark.django_db
def test_errors_are_counted_apart_and_come_first() -> None:
    model = failed(people.root("finder"), "API_METHOD", "RESTRAINT")
    assert model.message == ("2 errors and 1 warning in the package; first: API_METHOD is wrong.")
    assert [found["level"] for found in model.problems] == ["error", "error", "warning"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "codes, again",
    [
        (("API_METHOD",), False),
        (("DEPENDENCY_MISSING",), True),
        (("RESTRAINT", "RUNTIME_UNKNOWN"), False),
    ],
)
def test_a_failed_model_leads_to_its_next_version(codes: tuple[str, ...], again: bool) -> None:
    owner = people.root("mender")
    model = failed(owner, *codes)
    client = Client()
    people.sign_in(client, owner)
    page = client.get(f"/models/{model.pk}").content.decode()
    assert "/models/new?name=digits&amp;bucket=code&amp;prefix=v1%2F" in page
    assert ("Check again" in page) is again


@pytest.mark.parametrize(
    "value, shown",
    [("BREW", "`BREW`"), (None, "`null`"), (7, "`7`"), ("", "empty"), ("a\x00b", '`"a\\u0000b"`')],
)
def test_values_are_shown_as_they_stand_in_the_file(value: Any, shown: str) -> None:
    assert said(value) == shown


def test_a_finding_says_what_is_wrong_with_the_value() -> None:
    packages = [{"package_name": "numpy", "package_version": "1.0"}]
    report = look(
        {
            "model_algorithm": "x",
            "model_type": "PyTorch",
            "runtime": "pytorch_2.13-cpu-py_3.11",
            "apis": [{"url": "/", "method": "BREW"}],
            "dependencies": [{"installer": "pip", "packages": packages}],
        }
    )
    told = {found.code: found.message for found in report.problems}
    assert "no `restraint`" in told["RESTRAINT"]
    assert "`BREW`, which" in told["API_METHOD"]
    assert not [text for text in told.values() if "None" in text]
