"""The catalogue of actions: complete, consistent, extensible."""

import json
from pathlib import Path

import pytest

from accounts.engine import Action, Catalog, CatalogError, ConditionKey, Service, default_catalog
from accounts.engine.catalog import build_catalog, load_catalog, missing_required_keys

OURS = [
    "obs:bucket:CreateBucket",
    "obs:bucket:ListAllMyBuckets",
    "obs:bucket:HeadBucket",
    "obs:bucket:ListBucket",
    "obs:bucket:DeleteBucket",
    "obs:object:GetObject",
    "obs:object:PutObject",
    "obs:object:DeleteObject",
    "modelarts:dataset:createDataset",
    "modelarts:dataset:listDatasets",
    "modelarts:dataset:getDataset",
    "modelarts:dataset:updateDataset",
    "modelarts:dataset:deleteDataset",
    "modelarts:dataset:createDatasetVersion",
    "modelarts:trainJob:create",
    "modelarts:trainJob:list",
    "modelarts:trainJob:get",
    "modelarts:trainJob:update",
    "modelarts:trainJob:delete",
    "modelarts:trainJob:exec",
    "modelarts:trainJob:logExport",
    "modelarts:trainJobVersion:stop",
    "modelarts:model:create",
    "modelarts:model:list",
    "modelarts:model:get",
    "modelarts:model:update",
    "modelarts:model:delete",
    "modelarts:model:infer",
    "modelarts:model:finetune",
    "modelarts:service:create",
    "modelarts:service:list",
    "modelarts:service:get",
    "modelarts:service:update",
    "modelarts:service:delete",
    "modelarts:service:getLogs",
    "modelarts:service:action",
    "modelarts:service:infer",
    "resource_share:unit:create",
    "resource_share:unit:list",
    "resource_share:unit:get",
    "resource_share:unit:update",
    "resource_share:unit:delete",
    "resource_share:invitation:list",
    "resource_share:invitation:get",
    "resource_share:invitation:accept",
    "resource_share:invitation:reject",
    "iam:users:listUsers",
    "iam:groups:createGroup",
    "iam:policies:createPolicy",
    "iam:agencies:createAgency",
]


@pytest.fixture
def catalog() -> Catalog:
    return default_catalog()


@pytest.mark.parametrize("name", OURS)
def test_our_actions_are_known(catalog: Catalog, name: str) -> None:
    found = catalog.action(name.upper())
    assert found is not None
    assert found.name == name


def test_scopes_and_paths(catalog: Catalog) -> None:
    """T8 and T10: which services are global, and that only obs takes resource paths."""
    glob = {s.name for s in catalog.services.values() if s.scope == "global"}
    assert glob == {"obs", "iam", "resource_share", "eps"}
    assert {a.service for a in catalog.actions.values() if a.resource_paths} == {"obs"}
    assert catalog.actions["modelarts:trainjob:create"].scope == "project"


def test_descriptions_are_sentences(catalog: Catalog) -> None:
    for action in catalog.actions.values():
        assert action.description[0].isupper() and action.description.endswith("."), action
        assert len(action.description) < 100


def test_file_is_sorted_and_unique() -> None:
    path = Path(__file__).parents[3] / "accounts" / "engine" / "actions.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    names = [a["name"].lower() for a in data["actions"]]
    assert names == sorted(set(names))
    shipped, now = load_catalog(path), default_catalog()
    # Rooms may add to what is shipped when the application starts, and change nothing of it.
    assert shipped.actions.items() <= now.actions.items()
    assert shipped.services.items() <= now.services.items()
    assert shipped.keys.items() <= now.keys.items()


def test_wildcards_find_actions(catalog: Catalog) -> None:
    assert {a.name for a in catalog.matching("modelarts:*:delete*")} >= {
        "modelarts:pool:deleteNode",
        "modelarts:model:delete",
    }
    assert len(catalog.matching("*")) == len(catalog.actions)
    assert catalog.matching("modelarts:*") == ()
    assert catalog.matching("modelarts:fish:*") == ()


def test_suggestions(catalog: Catalog) -> None:
    assert catalog.suggest("modelarts:trainjob:creat")[0] == "modelarts:trainJob:create"
    assert catalog.suggest("obs:object>DeleteObject")[0] == "obs:object:DeleteObject"
    assert catalog.suggest("zzz") == ()
    assert catalog.suggest_keys("modelarts:poltype")[0] == "modelarts:poolType"


def test_tag_keys(catalog: Catalog) -> None:
    found = catalog.key("g:resourcetag/Team")
    assert found is not None and found.name == "g:ResourceTag/"
    assert catalog.key("g:ResourceTag/") is None
    assert catalog.key("g:ResourceTag") is None


def test_required_keys() -> None:
    """Ruling V3: a missing pool type is refused before any policy is asked."""
    needed = ("modelarts:poolType",)
    for action in ("modelarts:trainJob:create", "modelarts:service:CREATE"):
        assert missing_required_keys(action, {}) == needed
        assert missing_required_keys(action, {"modelarts:poolType": ""}) == needed
        assert missing_required_keys(action, {"MODELARTS:pooltype": "public"}) == ()
    assert missing_required_keys("modelarts:trainJob:list", {}) == ()
    assert missing_required_keys("new:thing:do", {}) == ()


def test_other_rooms_add_their_own(catalog: Catalog) -> None:
    more = catalog.extended(
        services=[Service("quant", "Quantisation", "project")],
        actions=[Action("quant:job:create", "Create a job.", "project")],
        keys=[ConditionKey("quant:bits", "number", "Number of bits.")],
    )
    assert more.action("QUANT:job:create") is not None
    assert catalog.action("quant:job:create") is None
    again = more.extended(actions=[Action("quant:job:create", "Create a job.", "project")])
    assert again == more


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (Action("modelarts:x", "X.", "project"), "service:type:operation"),
        (Action("nowhere:x:y", "X.", "project"), "not registered"),
        (Action("obs:x:y", "X.", "project"), "scope differs"),
        (Action("obs:x:y", " ", "global"), "description is empty"),
        (Action("obs:x:y", "X.", "global", required_keys=("obs:nope",)), "obs:nope"),
        (Action("obs:object:getobject", "Other.", "global"), "registered twice"),
    ],
)
def test_contradictions_are_refused(catalog: Catalog, action: Action, complaint: str) -> None:
    with pytest.raises(CatalogError, match=complaint):
        catalog.extended(actions=[action])


def test_key_types_are_checked() -> None:
    with pytest.raises(CatalogError, match="unknown type"):
        build_catalog([], [], [ConditionKey("g:X", "colour", "X.")])
