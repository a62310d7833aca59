"""One declaration per resource; pages, API, navigation, search and tests are built from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from core.actor import Actor
    from core.models import Resource

Render = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One list column. ``render(obj)`` returns a value or SafeString; default: the attribute."""

    name: str
    label: Any
    render: Render | None = None
    sort: str = ""  # model field to order by; "" = not sortable
    align: str = ""  # "end" for numbers

    def value(self, obj: Any) -> Any:
        return self.render(obj) if self.render else getattr(obj, self.name)


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled value on an Overview panel; ``html`` may be text or SafeString."""

    label: Any
    html: Any
    copy: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A card on the Overview tab: labelled items, or a template of its own."""

    title: Any
    items: tuple[Item, ...] = ()
    icon: str = ""
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    span: int = 6  # of 12 columns


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the detail page. ``context(request, obj)`` adds to the template's context."""

    name: str
    label: Any
    template: str
    context: Callable[[Any, Any], Mapping[str, Any]] | None = None
    action: str = ""  # IAM action needed to see it; "" = the read action
    shown: Callable[[Any, Any], bool] | None = None  # (obj, actor)
    count: Callable[[Any], int] | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """Something done to one object besides edit and delete, e.g. stop.

    ``handler`` is a dotted path to ``f(actor, obj, data) -> obj`` in the room's services.
    ``phases``: legal only in these phases (None = any). ``when`` narrows that by the object, and a
    verb that fails it is not shown at all. ``form``: dotted path of an extra form. ``typed``: the
    page asks for the object's name, because what the verb ends cannot be had back. ``idle``: it
    would change nothing; pages do not offer it then, the API answers as the first time.
    """

    name: str
    action: str
    label: Any
    handler: str
    icon: str = "player-play"
    tone: str = "secondary"
    phases: frozenset[str] | None = None
    when: Callable[[Any], bool] | None = None
    idle: Callable[[Any], bool] | None = None
    confirm: Any = ""
    typed: bool = False
    form: str = ""
    event: str = ""
    own_only: bool = True
    inventory: str = ""  # dotted path of f(actor, obj) -> list[InventoryGroup]
    after: Mapping[str, Any] = field(default_factory=dict)  # added to ``after`` in the trail
    recorded: bool = True  # False: the handler makes another object, whose row tells it all

    def enabled(self, obj: Any) -> bool:
        fits = self.phases is None or getattr(obj, "phase", None) in self.phases
        return fits and self.concerns(obj)

    def concerns(self, obj: Any) -> bool:
        """Whether the verb means anything for this object, whatever its phase."""
        return self.when is None or self.when(obj)


@dataclass(frozen=True, slots=True)
class Link:
    """A button that leads on from an object to another page, e.g. a prefilled form."""

    label: Any
    url: str
    icon: str
    tone: str = "secondary"
    why_not: Any = ""  # greyed with this reason


@dataclass(frozen=True, slots=True)
class InventoryGroup:
    """What a delete or another risky step would break, for the confirm page."""

    label: Any
    items: tuple[tuple[str, str], ...]  # (text, url)
    severity: str = "warning"  # info | warning | danger (danger blocks)
    count: int | None = None  # shown beside the label; None: the number of items


@dataclass(frozen=True, slots=True)
class DeleteWords:
    """Words for a type whose deletion is called otherwise: ``label`` of button and page, ``lead``
    what follows, ``done`` with ``%(name)s`` for the message. No name has to be typed."""

    label: Any
    lead: Any
    done: Any
    icon: str


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


@dataclass(frozen=True, eq=False)  # one of a kind; identity keys the caches
class ResourceSpec:
    """Everything the generic layers need to know about one resource type."""

    model: type[Resource]
    slug: str
    iam: str  # "modelarts:trainJob": service and type, as policies write them
    label: Any
    label_plural: Any
    actions: Mapping[str, str]  # list, get, create, update, delete -> operation or full action
    icon: str = "box"
    section: str = ""  # navigation section key, "" = not in the menu
    order: int = 100
    description: Any = ""
    create_label: Any = ""  # what the button that makes one says; "" = "Create <label>"
    empty_title: Any = ""
    empty_text: Any = ""
    columns: tuple[Column, ...] = ()
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ("name",)
    ordering: str = "-created_at"
    prepare: Callable[[Any], Any] | None = None  # query set -> with what columns need per row
    verbs: tuple[Verb, ...] = ()
    tabs: tuple[Tab, ...] = ()
    panels: Callable[[Any, Actor], list[Panel]] | None = None
    links: Callable[[Any, Actor], list[Link]] | None = None
    form: str = ""  # dotted path; "" = cannot be created or edited on a page
    edit_form: str = ""  # dotted path; "" = the same form
    viewset: str = ""  # dotted path of the API view set
    services: str = ""  # dotted module with create(actor, data), update(...), delete(...)
    #: dotted f(actor, obj) -> list[InventoryGroup]: what a delete breaks; "": what refers to it
    inventory: str = ""
    delete_words: DeleteWords | None = None
    #: obj -> why it cannot be deleted as it is, "" where it can
    why_not_delete: Callable[[Any], Any] | None = None
    events: Mapping[str, str] = field(default_factory=dict)  # verb -> audit event name
    trail_type: str = ""  # resource type in the vendor's tables of audit events, where it has one
    quota: tuple[str, int] | None = None  # (key, default limit per account)
    quota_label: Any = ""  # what a limit counts, where `label_plural` is no plural of the kind
    share_operations: tuple[str, ...] = ()  # operations a share may grant; () = not shareable
    shared_with: str = ""  # type whose shares open rows of this one, too
    share_phases: frozenset[str] = frozenset()  # only in these is sharing offered; () = any
    grant: str = ""  # dotted path of the grant model where shareable
    live_token: Callable[[Any], str] | None = None  # changes when the page should refresh
    views: Mapping[str, str] = field(default_factory=dict)  # page name -> dotted view override
    largest_body: int = 0  # bytes of a create or a change; 0 = the usual (console.bodies)
    regional: bool = True  # lists show the current region only
    references: Mapping[str, Role] = field(default_factory=dict)  # role -> what it means
    #: obj -> what it refers to, with at most one query; written when the row is made
    refers_to: Callable[[Any], Iterable[Ref]] | None = None
    #: obj -> rows that belong to it and that others refer to, as versions to a dataset
    parts: Callable[[Any], QuerySet[Any]] | None = None
    #: its rows decide what people may do: who writes one holds the account's rights alone
    changes_rights: bool = False

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

    def load(self, what: str) -> Any:
        """Import the object behind a dotted path attribute (form, viewset, services ...)."""
        path = getattr(self, what)
        if what == "services":
            return importlib.import_module(path)
        return import_string(path) if path else None


_specs: dict[str, ResourceSpec] = {}
_by_slug: dict[str, ResourceSpec] = {}


def register(spec: ResourceSpec) -> ResourceSpec:
    """Add one declaration. Raises ValueError when model or slug is taken."""
    if spec.type_label in _specs or spec.slug in _by_slug:
        raise ValueError(f"{spec.type_label} or slug {spec.slug!r} is declared twice")
    _specs[spec.type_label] = spec
    _by_slug[spec.slug] = spec
    return spec


def autodiscover() -> None:
    """Import ``<room>/<resource>/resource.py`` of every installed room."""
    for config in apps.get_app_configs():
        package = config.module
        if package is None or not hasattr(package, "__path__"):
            continue
        if "site-packages" in str(config.path):
            continue
        for info in pkgutil.iter_modules(package.__path__):
            if info.ispkg and (Path(config.path) / info.name / "resource.py").exists():
                importlib.import_module(f"{package.__name__}.{info.name}.resource")


def all_specs() -> Iterator[ResourceSpec]:
    yield from sorted(_specs.values(), key=lambda s: (s.section, s.order, s.slug))


def spec_of(model: type[Any] | Any) -> ResourceSpec:
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


def spec_by_slug(slug: str) -> ResourceSpec:
    return _by_slug[slug]


def spec_by_type(type_label: str) -> ResourceSpec:
    return _specs[type_label]
