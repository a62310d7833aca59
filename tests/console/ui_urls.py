"""Addresses for tests of the design system: the frame's own, and pages that need no room."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParser
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from console.ui import patterns

#: what the browser sent, read by the tests
RECEIVED: list[dict[str, Any]] = []
#: number of times the live page was drawn
DRAWN: list[str] = []

SHELL = {
    "signed_in": True,
    "actor": {"username": "mei.chen", "account_name": "Aurora", "account_id": "1029384756"},
    "nav": [{"label": "Data", "items": [{"label": "Buckets", "url": "/x", "icon": "bucket"}]}],
}


@csrf_exempt  # its check would parse the form, too
def open_patterns(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        # As the prediction page does: the body is not parsed as a form, which would take no file.
        handlers = [MemoryFileUploadHandler(request)]
        handed = BytesIO(request.body)
        _fields, files = MultiPartParser(request.META, handed, handlers).parse()
        body = files["images"].read()
        RECEIVED.append({"field": "images", "size": len(body)})
        return JsonResponse({"predicted_label": 7, "scores": [0.02, 0.9, 0.08]})
    return render(request, "patterns.html", patterns.example_context() | SHELL)


def put_object(request: HttpRequest, key: str) -> HttpResponse:
    body = request.read()
    digest = hashlib.sha256(body).hexdigest()
    RECEIVED.append(
        {"key": key, "size": len(body), "said": request.headers.get("X-Content-SHA256")}
    )
    if key.startswith("refuse"):
        answer = {"error_code": "QUOTA_EXCEEDED", "error_msg": "The bucket is full."}
        return JsonResponse(answer, status=409)
    return JsonResponse({"key": key, "size": len(body), "sha256": digest}, status=201)


def live_detail(request: HttpRequest) -> HttpResponse:
    DRAWN.append(request.headers.get("HX-Request", ""))
    context = patterns.detail_context() | SHELL
    context["title"] = f"drawn {len(DRAWN)}"
    context["live_url"] = "/live-stream"
    chart = {"id": "kept", "url": static("console/patterns/loss.json"), "height": 200}
    context["panels"].append({"title": "Loss", "template": "ui/chart.html", "context": chart})
    return render(request, "generic/detail.html", context)


def live_list(request: HttpRequest) -> HttpResponse:
    template = "generic/_table.html" if "HX-Request" in request.headers else "generic/list.html"
    return render(request, template, patterns.list_context() | SHELL | {"live": True})


def live_stream(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(
        iter([b"retry: 60000\n\n", b"id: 1\nevent: changed\ndata: {}\n\n"]),
        content_type="text/event-stream",
    )


urlpatterns = [
    path("open-patterns", open_patterns),
    path("live-detail", live_detail),
    path("live-list", live_list),
    path("live-stream", live_stream),
    path("api/v1/buckets/example/objects/<path:key>", put_object),
    path("", include("console.shell_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
