"""Delete and other verbs: what will break, a confirmation, then the service."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from console.pages import references
from console.pages.base import ResourcePage, version_of
from console.pages.choices import NAME, search
from core import rules, services
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound


class DeletePage(ResourcePage):
    """Inventory of what breaks, the name typed back, then gone."""

    verbs: ClassVar = {"get": "delete", "post": "delete"}

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        return self.show(self.obj)

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        obj = self.obj
        if self.screen.delete_words is None and not typed(request, str(obj)):
            return self.show(obj, type_it(), status=400)
        try:
            self.spec.services.delete(self.actor, obj, expected_version=version_of(request))
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            return self.show(obj, error.told(), status=error.status)
        words = self.screen.delete_words
        done = str(words.done) if words else _("“%(name)s” was deleted.")
        messages.success(request, done % {"name": obj})
        return HttpResponseRedirect(self.url("list"))

    def show(self, obj: Any, problem: str = "", status: int = 200) -> HttpResponse:
        groups = (self.screen.inventory or references.inventory)(self.actor, obj)
        why_not = self._why_not(obj)
        words = self.screen.delete_words
        label = words.label if words else _("Delete")
        return self.render(
            self.templates("delete"),
            {
                "spec": self.spec,
                "object": obj,
                "title": f"{label} {obj}" if words else _("Delete %(name)s") % {"name": obj},
                "lead": words.lead if words else _("This cannot be undone."),
                "icon": words.icon if words else "trash",
                "inventory": [inventory_context(group) for group in groups],
                "blocked": any(group.severity == "danger" for group in groups),
                "typed": "" if why_not or words else str(obj),
                "typed_so_far": self.request.POST.get("typed", ""),
                "why_not": why_not,
                "version": obj.version,
                "problem": problem,
                "cancel_url": self.url("detail", pk=obj.pk),
                "post_url": self.url("delete", pk=obj.pk),
                "submit_label": label,
                "tone": "primary" if words else "danger",
            },
            status=status,
        )

    def _why_not(self, obj: Any) -> str:
        """Why nothing is asked for yet, "" where deleting is possible."""
        why = self.screen.why_not_delete(obj) if self.screen.why_not_delete else ""
        if not why:
            return ""
        phase = obj.Phase(obj.phase).label
        return _("“%(name)s” is %(phase)s. %(why)s") % {"name": obj, "phase": phase, "why": why}


class VerbPage(ResourcePage):
    """A declared verb: asks first where the declaration wants it, runs on POST only."""

    verbs: ClassVar = {"get": rules.BY_ADDRESS, "post": rules.BY_ADDRESS}

    def get(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        declared = self.spec.verb(verb)
        form = self.form(declared, self.obj)
        if NAME in request.GET and form is not None:
            return search(request, form)
        return self.show(self.obj, declared, form)

    def post(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        obj, declared = self.obj, self.spec.verb(verb)
        form = self.form(declared, obj, data=request.POST)
        if self.screen.button(verb).typed and not typed(request, str(obj)):
            return self.show(obj, declared, form, status=400, problem=type_it())
        if form is not None and not form.is_valid():
            return self.show(obj, declared, form, status=400)
        data = form.data_for_service() if form is not None else {}
        try:
            obj = services.perform(self.actor, obj, verb, data)
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            if form is not None:
                form.add_app_error(error)
                return self.show(obj, declared, form, status=error.status)
            messages.error(request, error.told())
            return HttpResponseRedirect(self.url("detail", pk=obj.pk))
        messages.success(
            request, _("%(verb)s: “%(name)s”.") % {"verb": declared.label, "name": obj}
        )
        return HttpResponseRedirect(self.after(obj, declared))

    def after(self, obj: Any, declared: Any) -> str:
        return self.url("detail", pk=obj.pk)

    def form(self, declared: Any, obj: Any, **kwargs: Any) -> Any:
        form_class = self.screen.button(declared.name).form
        return form_class(actor=self.actor, instance=obj, **kwargs) if form_class else None

    def show(
        self, obj: Any, declared: Any, form: Any, status: int = 200, problem: str = ""
    ) -> HttpResponse:
        button = self.screen.button(declared.name)
        groups = button.inventory(self.actor, obj) if button.inventory else []
        return self.render(
            self.templates("confirm"),
            {
                "spec": self.spec,
                "object": obj,
                "title": f"{declared.label}: {obj}",
                "lead": button.confirm,
                "inventory": [inventory_context(group) for group in groups],
                "typed": str(obj) if button.typed else "",
                "typed_so_far": self.request.POST.get("typed", ""),
                "problem": problem,
                "form": form,
                "fieldsets": form.fieldsets() if form is not None else [],
                "problems": form.problems() if form is not None else [],
                "cancel_url": self.url("detail", pk=obj.pk),
                "post_url": self.url("verb", pk=obj.pk, verb=declared.name),
                "submit_label": declared.label,
                "tone": button.tone,
            },
            status=status,
        )


def typed(request: HttpRequest, name: str) -> bool:
    """Whether the name was typed as it is shown."""
    return request.POST.get("typed", "").strip() == name


def type_it() -> str:
    """What a page says when it was not."""
    return _("Type the name exactly as shown to confirm.")


def inventory_context(group: Any) -> dict[str, Any]:
    """An inventory group as templates draw it."""
    return {
        "label": group.label,
        "items": [{"text": text, "url": url} for text, url in group.items],
        "severity": group.severity,
        "count": len(group.items) if group.count is None else group.count,
    }
