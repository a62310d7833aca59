"""Names of policies: no custom one is taken for a system policy. System policies only allow."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from accounts import engine
from accounts.policy import services as policies
from accounts.policy.models import Policy
from accounts.policy.names import system_policy_like, validate_policy_name
from accounts.policy.system import system_policies
from core.errors import Conflict, NotFound, ValidationFailed
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db
DOCUMENT = {"Version": "1.1", "Statement": [statement("Allow", "resource_share:unit:list")]}
ALIKE = [
    "ResourceShareFullAccess",
    "resourcesharefullaccess",
    "Resource Share Full-Access",
    "ModelArts FullAccess",
    "modelarts_fullaccess",
    "ModelArts.Full.Access",
    "OBS-Administrator",
    "ModelArts FuIlAccess",
    "ModeIArts FullAccess",
    "0BS OperateAccess",
    "system-ModelArts FullAccess",
]


@pytest.fixture
def owner():
    return make.account()


@pytest.fixture
def root(owner):
    return make.actor(make.root_of(owner))


@pytest.mark.parametrize("name", ALIKE)
def test_a_custom_policy_looks_like_no_system_policy(root, name):
    with pytest.raises(ValidationFailed) as caught:
        policies.create(root, {"name": name, "document": DOCUMENT})
    assert [p.code for p in caught.value.problems] == ["SYSTEM_POLICY"]
    made = policies.create(root, {"name": "mine", "document": DOCUMENT})
    with pytest.raises(ValidationFailed):
        policies.update(root, made, {"name": name})


def test_wide_letters_look_like_narrow_ones():
    assert system_policy_like("ＯＢＳ　Administrator") == "OBS Administrator"
    assert system_policy_like("OBS Administrators") is None


def test_names_have_single_blanks_inside(root):
    name = "允许通过Cloud Shell访问运行中的训练作业"
    assert policies.create(root, {"name": name, "document": DOCUMENT}).name == name
    for wrong in ("", " a", "a ", "a  b", "a\tb", "a\n", "a\u00a0b", "\u0430dmin", "x" * 65):
        with pytest.raises(ValidationFailed):
            policies.create(root, {"name": wrong, "document": DOCUMENT})
    validate_policy_name("x" * 64)


def test_a_name_that_means_two_policies_attaches_neither(owner, root):
    """A later release may ship a name that an account has used before."""
    mine = make.policy(owner, statement("Allow", "obs:bucket:HeadBucket"), name="OBS Administrator")
    li = make.user(owner)
    with pytest.raises(Conflict) as caught:
        policies.attach(root, "OBS Administrator", li)
    assert caught.value.code == "AMBIGUOUS_POLICY"
    assert policies.attach(root, str(mine.pk), li).policy == mine
    assert policies.attach(root, "system:OBS Administrator", li).system == "OBS Administrator"
    with pytest.raises(NotFound):
        policies.attach(root, "system:mine", li)


def test_choices_say_which_of_two_they_mean(owner, root):
    mine = make.policy(owner, statement("Allow", "obs:bucket:HeadBucket"), name="OBS Administrator")
    values = {value for value, label in policies.choices(root) if label == "OBS Administrator"}
    assert values == {str(mine.pk), "system:OBS Administrator"}


def test_the_migration_gives_old_namesakes_another_name(owner):
    migration = import_module("accounts.migrations.0002_policy_names")
    kept = make.policy(owner, name="mine")
    taken = make.policy(owner, name="OBS-Administrator-custom")
    one = make.policy(owner, name="OBS-Administrator")
    two = make.policy(make.account(), name="ResourceShareFullAccess")
    migration.rename(apps, None)
    names = dict(Policy.objects.unscoped("test").values_list("pk", "name"))
    assert names == {
        kept.pk: "mine",
        taken.pk: "OBS-Administrator-custom",
        one.pk: "OBS-Administrator-custom-2",
        two.pk: "ResourceShareFullAccess-custom",
    }


def test_system_policies_only_allow():
    for policy in system_policies().values():
        effects = {s["Effect"] for s in policy.document["Statement"]}
        assert effects == {"Allow"}, policy.name


def test_common_operations_are_all_but_the_management_of_pools():
    held = system_policies()["ModelArts CommonOperations"].compiled
    every = engine.default_catalog().covered("modelarts:*:*")
    compiled = engine.compile_policies([held])
    left = {a for a in every if not engine.evaluate(compiled, engine.Request(a)).allowed}
    assert left == {f"modelarts:pool:{o}" for o in ("create", "update", "delete", "deleteNode")}
