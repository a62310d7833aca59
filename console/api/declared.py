"""Views of the API that ask what they declare before their code runs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from console.api.permissions import RESOURCE, rule_of
from core import registry, rules, services
from core.actor import Actor


class Declared(APIView):
    """A view whose handlers and declarations match, or it cannot be defined."""

    declared: ClassVar[dict[str, str]] = {}
    #: handlers are called by the names of HTTP methods; view sets have names of their own
    by_method: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.declared:
            wrong = mismatch(cls)
            if wrong:
                raise TypeError(wrong)

    @property
    def actor(self) -> Actor:
        """Who calls."""
        return self.request._request.actor  # type: ignore[attr-defined,no-any-return]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        rule = rule_of(self, request) or ""
        if not rule.startswith(rules.WITHIN):
            return super().dispatch(request, *args, **kwargs)
        with rules.kept(rule) as check:
            response = super().dispatch(request, *args, **kwargs)
            check(response.status_code)
        return response


def mismatch(view: type[Any]) -> str:
    """What does not match between handlers and declarations of a view; "" where they do."""
    missing = sorted(name for name in view.declared if not hasattr(view, name))
    if missing:
        return f"{view.__name__} declares {missing}, and has no such handlers"
    if not getattr(view, "by_method", True):
        return ""
    silent = [m for m in rules.HANDLERS if hasattr(view, m) and m not in view.declared]
    if silent:
        return f"{view.__name__} handles {silent} and does not declare what that asks"
    return reading(view, {method: method for method in view.declared})


def reading(view: type[Any], routes: dict[str, str]) -> str:
    """Which handler changes something under a right to read; "" where none does. ``routes``:
    method -> name of its handler."""
    for method, name in routes.items():
        rule = view.declared.get(name, "")
        if method in rules.CHANGING and rule.removeprefix(RESOURCE) in rules.READING:
            return f"{view.__name__}.{name} changes something under a right to read"
    return ""


def unknown_verbs(view: type[Any], names: Iterable[str]) -> str:
    """Which verb the handlers ``names`` declare that their type lacks; "" where there is none."""
    asked = [view.declared[name] for name in names]
    verbs = [rule.removeprefix(RESOURCE) for rule in asked if rule.startswith(RESOURCE)]
    if not issubclass(view, ResourceRules):
        return f"{view.__name__} asks {verbs}, but is no ResourceRules" if verbs else ""
    slug = getattr(view, "slug", "")
    spec = registry.spec_by_slug(slug) if slug else view.spec  # type: ignore[attr-defined]
    wrong = [verb for verb in verbs if rules.unknown(spec, verb)]
    return f"{view.__name__} asks {wrong}, which {spec.type_label} lacks" if wrong else ""


class ResourceRules(Declared):
    """Looks the row up that the address names and asks what is declared about it, before the
    handler runs; ``obj`` is that row."""

    verb: str = ""
    obj: Any = None
    asked: rules.Asked

    @property
    def declaration(self) -> registry.Declaration:
        """The type that the address is about."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rule = rule_of(self, request)
        if rule is None or not rule.startswith(RESOURCE):
            return
        verb = self.verb_of(rule.removeprefix(RESOURCE))
        key = kwargs.get("pk")
        find = None if key is None else partial(self.find, key)
        self.obj, self.asked = rules.ask(self.actor, self.declaration, verb, find)

    def verb_of(self, declared: str) -> str:
        """The verb to ask: the declared one, or the one that the address names."""
        return self.verb if declared == rules.BY_ADDRESS else declared

    def find(self, key: Any) -> Any:
        """The row the address names, if the actor may see it; a room may accept names as well as
        ids. Raises NotFound."""
        return services.visible(self.declaration.model, self.actor, pk=key)


class ResourceView(ResourceRules):
    """An endpoint about one object of the type ``slug``, beside its view set."""

    slug: ClassVar[str] = ""

    @property
    def declaration(self) -> registry.Declaration:
        """See ResourceRules."""
        return registry.spec_by_slug(self.slug)
