"""Create and edit pages. Bad input comes back filled in; a double submit makes one object."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from console import once
from console.forms import OWN_FIELDS
from console.pages.base import ResourcePage, version_of
from console.pages.choices import NAME, search
from core import services
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound


class CreatePage(ResourcePage):
    """GET shows the form, POST creates through the room's service."""

    verbs: ClassVar = {"get": "create", "post": "create"}
    writes_resource = True

    def get(self, request: HttpRequest) -> HttpResponse:
        if NAME in request.GET:
            return search(request, self.form())
        return self.show(self.form(initial=self.initial(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(data=request.POST, files=request.FILES)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            obj, url = once.run(
                self.actor,
                self.spec.slug,
                form.cleaned_data.get("once") or "",
                lambda: self.spec.services.create(self.actor, form.data_for_service()),
                self.created_url,
            )
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        if obj is not None:
            messages.success(
                request,
                _("%(label)s “%(name)s” was created.") % {"label": self.spec.label, "name": obj},
            )
        return HttpResponseRedirect(url)

    def created_url(self, obj: Any) -> str:
        return self.url("detail", pk=obj.pk)

    def initial(self, request: HttpRequest) -> dict[str, Any]:
        """Prefill from the query string, e.g. a link "train with this dataset"."""
        return {k: v for k, v in request.GET.items() if v and k not in OWN_FIELDS}

    def form(self, **kwargs: Any) -> Any:
        form_class = self.screen.form
        if form_class is None:
            raise NotFound()
        return form_class(actor=self.actor, **kwargs)

    def show(self, form: Any, status: int = 200) -> HttpResponse:
        return self.render(
            self.templates("form"),
            {
                "spec": self.spec,
                "title": self.create_label(),
                "form": form,
                "fieldsets": form.fieldsets(),
                "problems": form.problems(),
                "submit_label": self.screen.create_label or _("Create"),
                "cancel_url": self.url("list"),
            },
            status=status,
        )


class EditPage(ResourcePage):
    """Change what may be changed; a stale tab is told so and keeps its text."""

    verbs: ClassVar = {"get": "update", "post": "update"}
    writes_resource = True

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if NAME in request.GET:
            return search(request, self.form(self.obj))
        return self.show(self.obj, self.form(self.obj))

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        obj = self.obj
        form = self.form(obj, data=request.POST, files=request.FILES)
        if not form.is_valid():
            return self.show(obj, form, status=400)
        try:
            self.spec.services.update(
                self.actor,
                obj,
                form.data_for_service(),
                expected_version=form.cleaned_data.get("version"),
            )
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(obj, form, status=error.status)
        messages.success(request, _("“%(name)s” was saved.") % {"name": obj})
        return HttpResponseRedirect(self.url("detail", pk=obj.pk))

    def form(self, obj: Any, **kwargs: Any) -> Any:
        form_class = self.screen.edit_form or self.screen.form
        if form_class is None:
            raise NotFound()
        return form_class(actor=self.actor, instance=obj, **kwargs)

    def show(self, obj: Any, form: Any, status: int = 200) -> HttpResponse:
        return self.render(
            self.templates("form"),
            {
                "spec": self.spec,
                "object": obj,
                "title": _("Edit %(name)s") % {"name": obj},
                "form": form,
                "fieldsets": form.fieldsets(),
                "problems": form.problems(),
                "submit_label": _("Save"),
                "cancel_url": self.url("detail", pk=obj.pk),
            },
            status=status,
        )


class TagsPage(ResourcePage):
    """Replace the tags of an object; posted lists ``tag_key`` and ``tag_value``, one per row."""

    verbs: ClassVar = {"post": "update"}

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        obj = self.obj
        keys, values = request.POST.getlist("tag_key"), request.POST.getlist("tag_value")
        tags = {k.strip(): v.strip() for k, v in zip(keys, values, strict=False) if k.strip()}
        try:
            services.update(
                self.actor,
                obj,
                {"tags": tags},
                expected_version=version_of(request),
            )
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        return HttpResponseRedirect(self.url("tab", pk=obj.pk, tab="tags"))
