"""Pages of versions beside the generic ones: one picture, the class chart."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from console.pages.base import ResourcePage
from core.budget import Exceeded
from core.errors import NotFound
from datasets import idx
from datasets.version import samples, tabs


class PicturePage(ResourcePage):
    """PNG of one image: ``?split=train&index=0``."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        version = self.obj
        index = request.GET.get("index", "")
        if not (index.isascii() and index.isdigit()) or len(index) > 9:
            raise NotFound()
        try:
            png = samples.picture(version, request.GET.get("split", ""), int(index))
        except (idx.IdxError, Exceeded):
            raise NotFound() from None
        response = HttpResponse(png, content_type="image/png")
        # A version never changes; still, only its viewer's own browser may keep it, and not long.
        response["Cache-Control"] = "private, max-age=300"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class ClassesPage(ResourcePage):
    """JSON of the class chart."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        return JsonResponse(tabs.classes_chart(self.obj))
