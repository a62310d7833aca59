"""Grants: what an accepted share unit gives to everybody of one account, row by row.

A grant is a django-guardian group permission in a table with a direct foreign key, one table per
shareable type::

    class ModelGrant(GrantBase):
        content_object = models.ForeignKey(Model, on_delete=models.CASCADE)

and ``Declaration(share_operations=..., grant="registry.model.models.ModelGrant")``. Only this room
reads and writes these tables. guardian's shortcuts are not used: they cast keys and go row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase

from core import registry
from core.actor import Actor
from core.grants import Walk
from core.models import Resource

#: before the full action in ``auth.Permission.codename``; keeps Django's own codenames apart
PREFIX = "share:"
ACTIVE = "ACTIVE"  # the one phase of a unit in which its grants hold


class GrantBase(GroupObjectPermissionBase):
    """One action on one object for the users of one account, given by one share unit.

    ``object_created_at`` is copied from the object, where it never changes, so that an index can
    give a list's page without sorting all that is shared.

    ``group`` is the auth group that stands for the account (``account_group``). Two units that give
    the same thing are two rows, so ending one leaves the other's rights as they are. A grant holds
    while its unit is ACTIVE and ``valid_until`` (copied from the unit) is not past; both are looked
    at on use, never by a job that might be late.
    """

    unit = models.ForeignKey("sharing.ShareUnit", on_delete=models.CASCADE, related_name="+")
    valid_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    object_created_at = models.DateTimeField(editable=False)

    #: plain, without guardian's row-by-row helpers
    objects: ClassVar[models.Manager[Any]] = models.Manager()  # type: ignore[assignment]

    class Meta:
        abstract = True
        unique_together: ClassVar[list[Any]] = []
        constraints: ClassVar[list[Any]] = [
            # also the index of look-ups by key: group and permission first, then the object
            models.UniqueConstraint(
                fields=["group", "permission", "content_object", "unit"],
                name="%(app_label)s_%(class)s_one",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # lists: newest objects first; the rest is what in_force() looks at
            models.Index(
                fields=[
                    "group",
                    "permission",
                    "-object_created_at",
                    "-content_object",
                    "unit",
                    "valid_until",
                ],
                name="%(app_label)s_%(class)s_newest",
            )
        ]


def group_name(account_id: str) -> str:
    return f"account:{account_id}"


def account_group(account_id: str) -> Group:
    """The auth group that stands for everybody of an account, made on demand."""
    return Group.objects.get_or_create(name=group_name(account_id))[0]


def full_action(spec: registry.Declaration, operation: str) -> str:
    """``get`` of a model -> ``modelarts:model:get``; a full action stays what it is."""
    return operation if ":" in operation else f"{spec.iam}:{operation}"


def grant_model(spec: registry.Declaration) -> type[GrantBase]:
    return cast("type[GrantBase]", spec.grant)


def shareable_specs() -> Iterable[registry.Declaration]:
    return (spec for spec in registry.all_specs() if spec.shareable)


# -- the permission rows -----------------------------------------------------------------------

_permissions: dict[str, dict[str, int]] = {}  # type label -> lower-case action -> permission id


def sync_permissions(**kwargs: Any) -> None:
    """Make the ``auth.Permission`` row of every operation a share may grant (post_migrate)."""
    _permissions.clear()
    using = kwargs.get("using", "default")
    try:  # `migrate <one app>` on an empty database: auth has no tables yet
        kwargs.get("apps", apps).get_model("auth", "Permission")
    except LookupError:
        return
    for spec in shareable_specs():
        kind = ContentType.objects.db_manager(using).get_for_model(spec.model)
        for operation in spec.share_operations:
            action = full_action(spec, operation)
            Permission.objects.using(using).get_or_create(
                content_type=kind,
                codename=f"{PREFIX}{action}",
                defaults={"name": f"Share {action}"},
            )


def permission_ids(spec: registry.Declaration) -> Mapping[str, int]:
    """Lower-case full action -> permission id, for one type. Read once per process."""
    known = _permissions.get(spec.type_label)
    if known is None:
        kind = ContentType.objects.get_for_model(spec.model)
        rows = Permission.objects.filter(content_type=kind, codename__startswith=PREFIX)
        known = {
            codename.removeprefix(PREFIX).lower(): pk
            for pk, codename in rows.values_list("pk", "codename")
        }
        if known:
            _permissions[spec.type_label] = known
    return known


# -- reading: the provider of core.grants ------------------------------------------------------


def in_force(grant: str = "") -> Q:
    """Condition on a grant table: the unit lives and its window is open, as of now. ``grant``:
    the way there from another table, with its ``__``."""
    open_end = Q((f"{grant}valid_until", None))
    return Q((f"{grant}unit__phase", ACTIVE)) & (
        open_end | Q((f"{grant}valid_until__gt", timezone.now()))
    )


class Provider:
    """Implements ``core.grants.GrantProvider`` with the grant tables."""

    def operations(self, actor: Actor, target: models.Model) -> Mapping[str, str]:
        """Full action -> id of a unit that grants it on ``target``; one query."""
        if actor.account_id is None or not registry.has_spec(target):
            return {}
        spec = registry.spec_of(target)
        if not spec.shareable or target._meta.pk is None:
            return {}
        names = {pk: action for action, pk in permission_ids(spec).items()}
        rows = (
            grant_model(spec)
            .objects.filter(
                in_force(), group__name=group_name(actor.account_id), content_object=target.pk
            )
            .values_list("permission_id", "unit_id")
        )
        return {names[permission]: str(unit) for permission, unit in rows if permission in names}

    def shared_filter(self, actor: Actor, action: str, model: type[Resource]) -> Q | None:
        """``pk__in`` one indexed subquery; never a join, so it may stand beside an OR."""
        found = _shareable(actor, action, model)
        if found is None:
            return None
        spec, permission = found
        rows = grant_model(spec).objects.filter(
            in_force(), group__name=group_name(str(actor.account_id)), permission_id=permission
        )
        return Q(pk__in=rows.values("content_object_id"))

    def shared_walk(self, actor: Actor, action: str, model: type[Resource]) -> Walk | None:
        """One join to the grants, in the order of their ``newest`` index.

        Of several units that grant the same only the one with the smallest id is let through. The
        group is asked for first: only of a value can the planner know whether it stands for fifty
        rows or for fifty thousand.
        """
        found = _shareable(actor, action, model)
        group = Group.objects.filter(name=group_name(str(actor.account_id))).values_list("pk")[:1]
        if found is None or not group:
            return None
        spec, permission = found
        table: Any = grant_model(spec)
        grant = f"{table._meta.get_field('content_object').related_query_name()}__"
        earlier = table.objects.filter(
            in_force(),
            group=OuterRef(f"{grant}group"),
            permission_id=permission,
            content_object=OuterRef(f"{grant}content_object"),
            unit__lt=OuterRef(f"{grant}unit"),
        )
        condition = Q((f"{grant}group", group[0][0]), (f"{grant}permission", permission))
        return Walk(
            condition & in_force(grant) & Q(~Exists(earlier)),
            created_at=f"{grant}object_created_at",
            pk=f"{grant}content_object",
        )


def _shareable(
    actor: Actor, action: str, model: type[models.Model]
) -> tuple[registry.Declaration, int] | None:
    """Declaration of ``model`` and permission of ``action``; None where that is not shared."""
    if actor.account_id is None or not registry.has_spec(model):
        return None
    spec = registry.spec_of(model)
    permission = permission_ids(spec).get(action.lower()) if spec.shareable else None
    return None if permission is None else (spec, permission)


# -- writing: called by the unit's and the invitation's services, inside their transactions ------


def give(
    unit: Any,
    spec: registry.Declaration,
    object_ids: Iterable[Any],
    account_id: str,
    actions: Iterable[str],
) -> int:
    """Write the grants of one type for one account; rows that exist already stay, objects that are
    gone get none. Returns how many rows were meant.

    Raises:
        LookupError: an action has no permission row; migrations have not run since it was declared.
    """
    known = permission_ids(spec)
    wanted = [action.lower() for action in actions]
    missing = [action for action in wanted if action not in known]
    if missing:
        raise LookupError(f"No permission row for {', '.join(missing)}: run `manage.py migrate`.")
    group = account_group(account_id)
    table: Any = grant_model(spec)
    objects = spec.model.objects.unscoped("grants copy when their object was made")
    rows = [
        table(
            group=group,
            permission_id=known[action],
            content_object_id=pk,
            object_created_at=made,
            unit_id=unit.pk,
            valid_until=unit.valid_until,
        )
        for pk, made in objects.filter(pk__in=object_ids).values_list("pk", "created_at")
        for action in wanted
    ]
    table.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return len(rows)


def take(
    unit: Any,
    *,
    spec: registry.Declaration | None = None,
    object_ids: Iterable[Any] | None = None,
    account_id: str | None = None,
) -> int:
    """Remove grants of one unit: all of them, or those of a type, of objects or of an account.
    Rows of other units stay. Returns how many went."""
    gone = 0
    for one in [spec] if spec is not None else list(shareable_specs()):
        rows = grant_model(one).objects.filter(unit_id=unit.pk)
        if object_ids is not None:
            rows = rows.filter(content_object__in=list(object_ids))
        if account_id is not None:
            rows = rows.filter(group__name=group_name(account_id))
        gone += rows.delete()[0]
    return gone


def move_window(unit: Any) -> None:
    """Copy a changed ``valid_until`` of the unit to its grants, in the unit's transaction."""
    for spec in shareable_specs():
        grant_model(spec).objects.filter(unit_id=unit.pk).update(valid_until=unit.valid_until)
