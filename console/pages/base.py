"""The page base: a view that has not declared who may open it cannot be defined."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import classonlymethod
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views import View

from console import messages, screens
from console.bodies import Body
from console.malformed import MethodNotAllowed, refuse_form
from console.pages import errors
from console.screens import Screen
from core import access, printed, registry, rules, services, states
from core.actor import ANONYMOUS, Actor
from core.errors import NotFound

#: a page has exactly one of these
DECLARATIONS = ("action", "actions", "verb", "verbs", "signed_in", "public")


class Page(View):
    """A console page.

    Subclasses declare exactly one of: ``action`` (IAM action asked before GET), ``actions`` (the
    same per method), ``signed_in`` (a reason why any signed-in user may open it) or ``public`` (a
    reason why anybody may). A page about a resource declares ``verb`` or ``verbs`` instead.
    A handler that changes something is named per method; a class whose handlers and declarations
    do not match cannot be defined.
    """

    action: ClassVar[str] = ""
    actions: ClassVar[Mapping[str, str]] = {}
    verb: ClassVar[str] = ""
    verbs: ClassVar[Mapping[str, str]] = {}
    signed_in: ClassVar[str] = ""
    public: ClassVar[str] = ""
    abstract: ClassVar[bool] = True
    while_password_expired: ClassVar[bool] = False
    reads_form: ClassVar[bool] = True  # False: the body of a POST is bytes for somebody else
    #: largest body by method, where it is not the usual one (console.bodies)
    bodies: ClassVar[Mapping[str, Body]] = {}
    writes_resource: ClassVar[bool] = False  # its form is a whole resource of its type
    #: what is asked, by method of a handler; made of the declaration
    asks: ClassVar[Mapping[str, str]] = {}

    request: HttpRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("abstract", False):
            return
        cls.abstract = False
        declared = [name for name in DECLARATIONS if getattr(cls, name)]
        if len(declared) != 1:
            raise TypeError(
                f"{cls.__name__} must declare one of {', '.join(DECLARATIONS)}; "
                f"it declares {declared or 'none'}"
            )
        if declared[0] in ("verb", "verbs") and not issubclass(cls, ResourcePage):
            raise TypeError(f"{cls.__name__} declares a verb, but is no ResourcePage")
        if declared[0] not in ("signed_in", "public"):
            cls.asks = _asks(cls)

    @property
    def actor(self) -> Actor:
        return getattr(self.request, "actor", ANONYMOUS)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.public:
            if not self.actor.is_user:
                return self.sign_in_first(request)
            if self.actor.must_change_password and not self.while_password_expired:
                return HttpResponseRedirect(settings.PASSWORD_CHANGE_URL)
        self.check(request)
        rule = self.asks.get(method_of(request))
        if rule is not None:
            self.ask(rule)
        if request.method == "POST" and self.reads_form:
            refuse_form(request)
        if rule is None or not rule.startswith(rules.WITHIN):
            return super().dispatch(request, *args, **kwargs)
        with rules.kept(rule) as check:
            response = super().dispatch(request, *args, **kwargs)
            check(response.status_code)
        return response

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The error page with the Allow header of RFC 9110, section 15.5.6."""
        allowed = ", ".join(self._allowed_methods())  # type: ignore[attr-defined]
        if request.method in ("GET", "HEAD"):
            message = messages.ONLY_SENT_TO()
        else:
            message = messages.ONLY_READ()
        response = errors.answer(request, MethodNotAllowed(message))
        response["Allow"] = allowed
        return response

    def check(self, request: HttpRequest) -> None:
        """Hook: whether the page is there at all. Raises NotFound."""

    def ask(self, rule: str) -> None:
        """Ask what is declared, before the handler runs. Raises AccessDenied."""
        access.authorize(self.actor, rule)

    def sign_in_first(self, request: HttpRequest) -> HttpResponseBase:
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=401)
            response["HX-Redirect"] = f"{settings.LOGIN_URL}?{urlencode({'next': request.path})}"
            return response
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)

    def render(
        self, template: str | list[str], context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        return render(self.request, template, context, status=status)


class ResourcePage(Page):
    """A page about one resource type; ``spec`` comes from the router.

    ``verb`` names what GET needs, ``verbs`` what each method needs: a verb of ``spec``, a full IAM
    action, or ``rules.BY_ADDRESS``. Before the handler runs, the row that the address names is
    looked up among those the actor may see, asked about, and set as ``obj``.
    """

    abstract = True
    spec: registry.Declaration = None  # type: ignore[assignment]
    obj: Any = None
    asked: rules.Asked

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """See Django's. Raises TypeError where the type declares no such verb."""
        spec = initkwargs.get("spec")
        missing = sorted({v for v in cls.asks.values() if spec and rules.unknown(spec, v)})
        if spec and missing:
            raise TypeError(f"{cls.__name__} asks {missing}, which {spec.type_label} lacks")
        return super().as_view(**initkwargs)

    def ask(self, rule: str) -> None:
        """Look the object up and ask about it. Raises NotFound, AccessDenied."""
        pk = self.kwargs.get("pk")
        verb = self.kwargs["verb"] if rule == rules.BY_ADDRESS else rule
        if rule == rules.BY_ADDRESS and all(one.name != verb for one in self.spec.verbs):
            raise NotFound()
        find = None
        if pk is not None:
            find = partial(services.visible, self.spec.model, self.actor, pk=pk)
        self.obj, self.asked = rules.ask(self.actor, self.spec, verb, find)

    @property
    def screen(self) -> Screen:
        """What pages show of the type."""
        return screens.of(self.spec)

    def render(
        self, template: str | list[str], context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """As of every page; templates have ``spec`` and ``screen`` of the type."""
        about = {"spec": self.spec, "screen": self.screen}
        return super().render(template, {**about, **context}, status)

    def url(self, page: str, **kwargs: Any) -> str:
        from django.urls import reverse

        return reverse(f"{self.spec.slug}:{page}", kwargs=kwargs or None)

    def create_label(self) -> str:
        """Words of the button and of the page that make one."""
        words = self.screen.create_label or _("Create %(label)s")
        return str(words) % {"label": str(self.spec.label).lower()}

    def templates(self, page: str) -> list[str]:
        """model -> app -> generic."""
        app, model = self.spec.type_label.split(".")
        return [f"{app}/{model}/{page}.html", f"{app}/{page}.html", f"generic/{page}.html"]


def method_of(request: HttpRequest) -> str:
    """The method whose handler answers: HEAD is GET without its body."""
    method = (request.method or "").lower()
    return "get" if method == "head" else method


def _asks(cls: type[Page]) -> dict[str, str]:
    """What each handler of a page asks. Raises TypeError where the two do not match."""
    one = cls.action or cls.verb
    asks = {"get": one} if one else dict(cls.actions or cls.verbs)
    handlers = {method for method in rules.HANDLERS if hasattr(cls, method)}
    if set(asks) != handlers:
        raise TypeError(
            f"{cls.__name__} handles {', '.join(sorted(handlers)) or 'nothing'} and declares what "
            f"{', '.join(sorted(asks))} asks; name a verb or an action for each handler"
        )
    reading = [m for m in asks if m in rules.CHANGING and asks[m] in rules.READING]
    if reading:
        raise TypeError(f"{cls.__name__}.{reading[0]} changes something under a right to read")
    return asks


def safe_next(request: HttpRequest, default: str) -> str:
    """``next`` of the request if it stays on this host, else ``default``."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if target.isprintable() and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return target
    return default


def version_of(request: HttpRequest) -> int | None:
    """The version that a posted page was drawn from; None where it does not say."""
    given = request.POST.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else None


def status_of(obj: Any, actor: Actor | None = None) -> dict[str, Any] | None:
    """What the status chip shows, or None for things without a life cycle. Without ``actor`` it is
    told as to a reader who may not read logs."""
    if not isinstance(obj, states.Stateful):
        return None
    from django.utils import timezone

    heartbeat = obj.HEARTBEATS.get(obj.phase)
    silent = (
        heartbeat is not None
        and obj.observed_at is not None
        and (timezone.now() - obj.observed_at).total_seconds() > 3 * heartbeat
    )
    shown = {
        "phase": obj.phase,
        "label": obj.Phase(obj.phase).label,  # type: ignore[attr-defined]
        "secondary": str(obj.SECONDARY.get(obj.secondary, obj.secondary)),
        "tone": "grey" if silent else obj.TONES.get(obj.phase, "grey"),
        "live": not obj.is_settled,
        "since": obj.phase_since,
        "reason": obj.reason,
        "message": obj.told_message,
        "next": obj.told_next,
        "observed_at": obj.observed_at,
        "stale": silent,
        **obj.status_words(),
    }
    return printed.withhold(actor, obj, shown)


def off(label: str, icon: str, why_not: str) -> dict[str, Any] | None:
    """A greyed button with its reason, for the template tag ``action_button``; None without one."""
    if not why_not:
        return None
    return {"label": label, "icon": icon, "enabled": False, "why_not": why_not}


def why_held_back(decision: access.Decision) -> str:
    """Why something that policies allow is refused all the same, in the reader's language; "" where
    that is not so. It stands beside a greyed button."""
    if not access.held_back(decision):
        return ""
    if decision.step == "main_account":
        return _("Only the main account may do this.")
    if not decision.missing:
        return decision.reason
    right = decision.missing.removeprefix("Allow ")
    return _("This touches rights that you do not hold yourself, such as %(right)s.") % {
        "right": right
    }
