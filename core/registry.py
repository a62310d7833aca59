"""One declaration per resource type: what the kernel knows. Knows no screen."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from core.models import Resource


@dataclass(frozen=True, slots=True)
class Verb:
    """Something done to one object besides edit and delete, e.g. stop.

    ``handler``: ``f(actor, obj, data) -> obj`` of the app's services. ``phases``: legal only in
    these phases (None = any). ``when`` narrows that by the object, and a verb that fails it is not
    shown at all. ``idle``: it would change nothing; pages do not offer it then, the API answers as
    the first time.
    """

    name: str
    action: str
    label: Any
    handler: Callable[[Any, Any, Any], Any]
    phases: frozenset[str] | None = None
    when: Callable[[Any], bool] | None = None
    idle: Callable[[Any], bool] | None = None
    event: str = ""
    own_only: bool = True
    after: Mapping[str, Any] = field(default_factory=dict)  # added to ``after`` in the trail
    recorded: bool = True  # False: the handler makes another object, whose row tells it all

    def enabled(self, obj: Any) -> bool:
        fits = self.phases is None or getattr(obj, "phase", None) in self.phases
        return fits and self.concerns(obj)

    def concerns(self, obj: Any) -> bool:
        """Whether the verb means anything for this object, whatever its phase."""
        return self.when is None or self.when(obj)


@dataclass(frozen=True, slots=True)
class InventoryGroup:
    """What a delete or another risky step would break, for the confirm page."""

    label: Any
    items: tuple[tuple[str, str], ...]  # (text, url)
    severity: str = "warning"  # info | warning | danger (danger blocks)
    count: int | None = None  # shown beside the label; None: the number of items


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of reference means; ``core.references`` keeps the rows.

    ``says``: between referrer and target while the referrer is at work ("reads"); ``said``
    afterwards, "" for the same. ``holds``: the target may not be deleted while the referrer is at
    work. ``writes``: the referrer makes what it refers to, so lineage runs the other way.
    ``whole``: shown in place of the path where that is empty.
    """

    says: Any
    said: Any = ""
    holds: bool = False
    writes: bool = False
    whole: Any = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """One reference of a row: its role, the target and which part of it."""

    role: str
    to_type: str  # ``app.model``
    to_id: Any
    path: str = ""


#: what most types can do, under the name that policies use
CRUD = {name: name for name in ("list", "get", "create", "update", "delete")}


def crud(*more: str, **named: str) -> dict[str, str]:
    """The usual actions and ``more`` of the same name; ``named``: verb -> operation."""
    return {**CRUD, **{name: name for name in more}, **named}


@dataclass(frozen=True, eq=False)  # one of a kind; identity keys the caches
class Declaration:
    """What the kernel knows of one resource type; pages have a ``console.screens.Screen``, too.

    Raises ValueError when made without the actions ``list`` and ``get``, with an action that
    ``services`` has no function for, or shareable without a table of grants.
    """

    model: type[Resource]
    slug: str
    iam: str  # "modelarts:trainJob": service and type, as policies write them
    label: Any
    label_plural: Any
    quota_label: Any = ""  # what a limit counts, where `label_plural` is no plural of the kind
    section: str = ""  # where it stands among the types, and in the menu; "" = not in the menu
    order: int = 100
    #: list, get, create, update, delete and more -> operation below ``iam``, or full action
    actions: Mapping[str, str] = field(default_factory=lambda: CRUD)
    #: module with create(actor, data), update(...), delete(...); None where nothing is written
    services: Any = None
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ("name",)
    ordering: str = "-created_at"
    prepare: Callable[[Any], Any] | None = None  # query set -> with what lists need per row
    verbs: tuple[Verb, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)  # where not "<verb><Model>"
    trail_type: str = ""  # resource type in the vendor's tables of audit events, where it has one
    quota: tuple[str, int] | None = None  # (key, default limit per account)
    share_operations: tuple[str, ...] = ()  # operations a share may grant; () = not shareable
    shared_with: str = ""  # type whose shares open rows of this one, too
    share_phases: frozenset[str] = frozenset()  # only in these is sharing offered; () = any
    grant: type[Any] | None = None  # the table of grants where shareable
    regional: bool = True  # lists show the current region only
    references: Mapping[str, Role] = field(default_factory=dict)  # role -> what it means
    #: obj -> what it refers to, with at most one query; written when the row is made
    refers_to: Callable[[Any], Iterable[Ref]] | None = None
    #: obj -> rows that belong to it and that others refer to, as versions to a dataset
    parts: Callable[[Any], QuerySet[Any]] | None = None
    #: its rows decide what people may do: who writes one holds the account's rights alone
    changes_rights: bool = False

    def __post_init__(self) -> None:
        missing = [verb for verb in ("list", "get") if verb not in self.actions]
        if missing:
            raise ValueError(f"{self.type_label} declares no action for {missing}")
        written = [verb for verb in ("create", "update", "delete") if verb in self.actions]
        missing = [verb for verb in written if not hasattr(self.services, verb)]
        if missing:
            raise ValueError(f"{self.type_label}: its services have no {missing}")
        wrong = [verb.name for verb in self.verbs if not callable(verb.handler)]
        if wrong:
            raise ValueError(f"{self.type_label}: the handlers of {wrong} cannot be called")
        if self.share_operations and self.grant is None:
            raise ValueError(f"{self.type_label} is shareable and has no table of grants")

    @property
    def type_label(self) -> str:
        """``app.model``, the type name in events, audit and tasks."""
        return self.model._meta.label_lower

    @property
    def shareable(self) -> bool:
        return bool(self.share_operations)

    @property
    def has_shared_rows(self) -> bool:
        """Whether its lists may hold rows of other accounts."""
        return self.shareable or bool(self.shared_with)

    def action(self, verb: str) -> str:
        """Full IAM action of a verb. Raises KeyError for a verb that is not declared."""
        operation = self.actions.get(verb)
        if operation is None:
            for declared in self.verbs:
                if declared.name == verb:
                    return declared.action
            raise KeyError(f"{self.type_label} declares no action for {verb!r}")
        return operation if ":" in operation else f"{self.iam}:{operation}"

    def verb(self, name: str) -> Verb:
        for declared in self.verbs:
            if declared.name == name:
                return declared
        raise KeyError(f"{self.type_label} has no verb {name!r}")

    def event(self, verb: str) -> str:
        """Audit event name of a verb; the vendor's where it has one."""
        if verb in self.events:
            return self.events[verb]
        for declared in self.verbs:
            if declared.name == verb and declared.event:
                return declared.event
        return f"{verb}{self.model.__name__}"


_specs: dict[str, Declaration] = {}
_by_slug: dict[str, Declaration] = {}


def register(spec: Declaration) -> Declaration:
    """Add one declaration. Raises ValueError when model or slug is taken."""
    if spec.type_label in _specs or spec.slug in _by_slug:
        raise ValueError(f"{spec.type_label} or slug {spec.slug!r} is declared twice")
    _specs[spec.type_label] = spec
    _by_slug[spec.slug] = spec
    return spec


def autodiscover() -> None:
    """Import ``<app>/<type>/declaration.py`` of every installed app."""
    load_modules("declaration")


def load_modules(name: str) -> None:
    """Import ``<app>/<type>/<name>.py`` of every type of the project's apps."""
    for config in apps.get_app_configs():
        package = config.module
        if package is None or not hasattr(package, "__path__"):
            continue
        if "site-packages" in str(config.path):
            continue
        for info in pkgutil.iter_modules(package.__path__):
            if info.ispkg and (Path(config.path) / info.name / f"{name}.py").exists():
                importlib.import_module(f"{package.__name__}.{info.name}.{name}")


def all_specs() -> Iterator[Declaration]:
    yield from sorted(_specs.values(), key=lambda s: (s.section, s.order, s.slug))


def spec_of(model: type[Any] | Any) -> Declaration:
    """Declaration of a model class or instance. Raises KeyError when there is none."""
    return _specs[model._meta.label_lower]


def has_spec(model: type[Any] | Any) -> bool:
    return model._meta.label_lower in _specs


def trail_types() -> dict[str, list[str]]:
    """The vendor's resource types, each with the types that it stands for here."""
    found: dict[str, list[str]] = {}
    for spec in all_specs():
        if spec.trail_type:
            found.setdefault(spec.trail_type, []).append(spec.type_label)
    return found


def spec_by_slug(slug: str) -> Declaration:
    return _by_slug[slug]


def spec_by_type(type_label: str) -> Declaration:
    return _specs[type_label]
