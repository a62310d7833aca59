"""Broken model packages: refused before anything of them runs, every finding shown."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import AppError
from registry.model.models import Model, ModelFile
from registry.model.services import create
from tests.hostile.house import TURN, escaped
from tests.hostile.shop import APIS, CONFIG, GOOD, HEAD, Shop


def refused(shop: Shop, model: Model, code: str) -> dict[str, Any]:
    """The model failed with this finding, which API and page show with its place and its fix."""
    assert model.phase == "Failed", model.message
    shown = shop.house.api(f"/models/{model.pk}")
    assert (shown["phase"], shown["reason"]) == ("Failed", model.reason)
    assert shown["message"]
    codes = [p["code"] for p in shown["problems"]]
    assert code in codes, codes
    found = next(p for p in shown["problems"] if p["code"] == code)
    assert found["message"]
    assert found["fix"]
    page = shop.house.page(f"/models/{model.pk}")
    assert escaped(found["message"]) in page
    assert escaped(found["fix"]) in page
    return found  # type: ignore[no-any-return]


def changed(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in {**CONFIG, **fields}.items() if value is not ...}


@pytest.mark.parametrize(
    ("config", "code"),
    [
        pytest.param("{", "CONFIG_JSON", id="bad JSON"),
        pytest.param("[]", "CONFIG_JSON", id="no object"),
        pytest.param(b"\xff\xfe", "CONFIG_ENCODING", id="no text"),
        pytest.param(changed(model_algorithm=...), "ALGORITHM_MISSING", id="no model_algorithm"),
        pytest.param(changed(model_algorithm="9bad"), "ALGORITHM_START", id="starts with a digit"),
        pytest.param(changed(model_algorithm="a" * 37), "ALGORITHM_LONG", id="37 characters"),
        pytest.param(changed(model_algorithm="a<b>"), "ALGORITHM_CHARS", id="forbidden character"),
        pytest.param(changed(model_type=...), "TYPE_MISSING", id="no model_type"),
        pytest.param(changed(model_type="Cobol"), "TYPE_UNKNOWN", id="unknown model_type"),
        pytest.param(changed(metrics={"f1": "high"}), "METRIC_TYPE", id="metric that is no number"),
        pytest.param(changed(apis={"url": "/"}), "APIS_TYPE", id="apis that is no array"),
        pytest.param(changed(apis=[{"url": "/predict"}]), "API_URL", id="url of an own image"),
        pytest.param(changed(apis=[{"url": "/", "method": "EAT"}]), "API_METHOD", id="method"),
        pytest.param(changed(runtime=7), "FIELD_TYPE", id="runtime that is no text"),
        pytest.param(
            changed(apis=[{**APIS[0], "request": {"Content-type": "text/x", "data": {}}}]),
            "CONTENT_TYPE",
            id="content type",
        ),
        pytest.param(changed(health={"url": "/h"}), "", id="health beside an engine"),
        pytest.param(
            changed(dependencies=[{"installer": "apt", "packages": []}]),
            "INSTALLER_UNKNOWN",
            id="installer",
        ),
    ],
)
def test_config_rules(shop: Shop, config: Any, code: str) -> None:
    model = shop.package(HEAD + GOOD, config)
    if not code:  # tolerated with a warning
        assert model.phase == "Published"
        return
    refused(shop, model, code)


def test_config_missing(shop: Shop) -> None:
    shop.house.put("bare/model/model.pkl", b"x")
    with TURN:
        model = create(
            shop.house.owner.actor, {"name": "bare", "bucket": "team1", "prefix": "bare/"}
        )
    refused(shop, shop.house.look(model), "NO_CONFIG")


def test_no_directory_model(shop: Shop) -> None:
    shop.house.put("flat/config.json", "{}")
    with TURN, pytest.raises(AppError) as error:
        create(shop.house.owner.actor, {"name": "flat", "bucket": "team1", "prefix": "flat/"})
    assert "model" in str(error.value)


def test_no_service_code(shop: Shop) -> None:
    refused(shop, shop.package(None), "NO_SERVICE_CODE")


def test_service_code_that_is_no_python(shop: Shop) -> None:
    found = refused(shop, shop.package("class Served(:\n"), "CODE_SYNTAX")
    assert found["where"] == "line 1"


def test_service_code_is_never_run_by_the_check(shop: Shop) -> None:
    """Neither is a pickle opened: what is checked is text."""
    code = "open('/tmp/modelyard-was-run', 'w')\nraise SystemExit(1)\n"
    model = shop.package(HEAD + code + GOOD)
    assert model.phase == "Published"


def test_empty_weights(shop: Shop) -> None:
    refused(shop, shop.package(HEAD + GOOD, **{"model.pkl": b""}), "EMPTY_WEIGHTS")


def test_two_weights(shop: Shop) -> None:
    refused(shop, shop.package(HEAD + GOOD, **{"other.pkl": b"x"}), "SEVERAL_WEIGHTS")


def test_dots_in_a_name(shop: Shop) -> None:
    """The console refuses such keys; a file that has one all the same is a finding."""
    model = shop.package(HEAD + GOOD, **{"extra.txt": b"x"})
    with TURN:
        ModelFile.objects.filter(model=model, path="model/extra.txt").update(
            path="model/../../escape"
        )
        rows = Model.objects.unscoped("test").filter(pk=model.pk)
        rows.update(phase="Publishing")
    refused(shop, shop.house.look(model), "BAD_PATH")


def test_dependency_that_the_engine_has_not(shop: Shop) -> None:
    """Nothing is installed for one model, so it is said at once and not left out in silence."""
    found = refused(shop, shop.package(HEAD + GOOD, needs("torch-geometric")), "DEPENDENCY_MISSING")
    assert "torch-geometric" in found["message"]
    assert found["where"] == "$.dependencies[0].packages[0]"


def test_dependency_of_another_version(shop: Shop) -> None:
    config = needs("numpy", "1.15.0", "EXACT")
    found = refused(shop, shop.package(HEAD + GOOD, config), "DEPENDENCY_VERSION")
    assert "EXACT 1.15.0" in found["message"]


@pytest.mark.parametrize(
    ("name", "version", "restraint"),
    [("numpy", "", ""), ("NumPy", "1.15.0", "ATLEAST"), ("scikit_learn", "99", "ATMOST")],
)
def test_dependency_that_the_engine_has(
    shop: Shop, name: str, version: str, restraint: str
) -> None:
    assert shop.package(HEAD + GOOD, needs(name, version, restraint)).phase == "Published"


def needs(name: str, version: str = "", restraint: str = "") -> dict[str, Any]:
    package = {"package_name": name}
    if version:
        package |= {"package_version": version, "restraint": restraint}
    return changed(dependencies=[{"installer": "pip", "packages": [package]}])
