"""What pages and API show of each resource type, apart from what the kernel knows of it.

``<app>/<type>/screen.py`` registers one `Screen` for a declared type. They are loaded when the
first route is resolved, so by the process that serves pages and by none else: worker and gateway
never import a page or a form.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core import registry

if TYPE_CHECKING:
    from core.actor import Actor
    from core.registry import Declaration, InventoryGroup

Render = Callable[[Any], Any]
Inventory = Callable[[Any, Any], "list[InventoryGroup]"]  # (actor, obj)


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
class Link:
    """A button that leads on from an object to another page, e.g. a prefilled form."""

    label: Any
    url: str
    icon: str
    tone: str = "secondary"
    why_not: Any = ""  # greyed with this reason


@dataclass(frozen=True, slots=True)
class DeleteWords:
    """Words for a type whose deletion is called otherwise: ``label`` of button and page, ``lead``
    what follows, ``done`` with ``%(name)s`` for the message. No name has to be typed."""

    label: Any
    lead: Any
    done: Any
    icon: str


@dataclass(frozen=True, slots=True)
class Button:
    """How pages show a verb.

    ``confirm`` asks first. ``typed``: the page asks for the object's name, because what the verb
    ends cannot be had back. ``form``: class of a form for further input. ``inventory``: what the
    verb will break.
    """

    icon: str = "player-play"
    tone: str = "secondary"
    confirm: Any = ""
    typed: bool = False
    form: type[Any] | None = None
    inventory: Inventory | None = None

    @property
    def asks(self) -> bool:
        """Whether a page comes before the verb."""
        return bool(self.confirm or self.form or self.inventory)


USUAL_BUTTON = Button()


@dataclass(frozen=True, eq=False)
class Screen:
    """Everything the generic pages and the API need to know about one resource type."""

    model: type[Any]
    icon: str = "box"
    description: Any = ""
    create_label: Any = ""  # what the button that makes one says; "" = "Create <label>"
    empty_title: Any = ""
    empty_text: Any = ""
    columns: tuple[Column, ...] = ()
    buttons: Mapping[str, Button] = field(default_factory=dict)  # verb -> how it is shown
    tabs: tuple[Tab, ...] = ()
    panels: Callable[[Any, Actor], list[Panel]] | None = None
    links: Callable[[Any, Actor], list[Link]] | None = None
    form: type[Any] | None = None  # None = cannot be created or edited on a page
    edit_form: type[Any] | None = None  # None = the same form
    viewset: type[Any] | None = None  # of the API
    inventory: Inventory | None = None  # what a delete breaks; None: what refers to it
    delete_words: DeleteWords | None = None
    #: obj -> why it cannot be deleted as it is, "" where it can
    why_not_delete: Callable[[Any], Any] | None = None
    live_token: Callable[[Any], str] | None = None  # changes when the page should refresh
    views: Mapping[str, type[Any]] = field(default_factory=dict)  # page name -> its own class
    largest_body: int = 0  # bytes of a create or a change; 0 = the usual (console.bodies)

    @property
    def sortable(self) -> set[str]:
        """Fields that lists may be ordered by."""
        return {column.sort for column in self.columns if column.sort}

    def button(self, verb: str) -> Button:
        return self.buttons.get(verb, USUAL_BUTTON)


_screens: dict[str, Screen] = {}
_lock = threading.RLock()
_loading = False
_loaded = False


def register(screen: Screen) -> Screen:
    """Add the screen of a declared type.

    Raises ValueError for a second one and for buttons of verbs that the type lacks, KeyError for a
    type without a declaration.
    """
    spec = registry.spec_of(screen.model)
    if spec.type_label in _screens:
        raise ValueError(f"{spec.type_label} has two screens")
    unknown = set(screen.buttons) - {verb.name for verb in spec.verbs}
    if unknown:
        raise ValueError(f"{spec.type_label} has no verbs {sorted(unknown)}")
    _screens[spec.type_label] = screen
    return screen


def load() -> None:
    """Import the screens of every type, once."""
    global _loaded, _loading
    with _lock:  # another thread waits for the whole; a screen that asks for another does not
        if _loaded or _loading:
            return
        _loading = True
        try:
            registry.load_modules("screen")
            _loaded = True
        finally:
            _loading = False


def of(spec: Declaration) -> Screen:
    """The screen of a type. Raises KeyError where it has none."""
    if not _loaded:
        load()
    return _screens[spec.type_label]


def of_type(model: Any) -> Screen:
    """The screen of a model class or instance. Raises KeyError where it has none."""
    return of(registry.spec_of(model))


def missing() -> Iterator[str]:
    """Types that no page shows."""
    load()
    yield from (s.type_label for s in registry.all_specs() if s.type_label not in _screens)
