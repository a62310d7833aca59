"""Special pages of a training job: its log and its plots as JSON."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from console.pages.base import ResourcePage
from console.watched import Watched
from training.job import metrics, services

CHUNK = 256 * 1024  # bytes of log per answer


class LogPage(ResourcePage):
    """``?offset=`` -> {"text", "marks", "next", "eof"} of an attempt's log."""

    verb = "logs"

    def get(self, request: HttpRequest, pk: Any) -> JsonResponse:
        job = self.obj
        offset = _whole(request.GET.get("offset"))
        number = _whole(request.GET.get("attempt")) or None
        return JsonResponse(services.log_chunk(job, number, offset, CHUNK, colours=True))


class LogDownloadPage(ResourcePage):
    """The whole log as a text file."""

    verb = "logs"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = self.obj
        text = services.log_file(job, _whole(request.GET.get("attempt")) or None)
        # A job that goes on printing would otherwise keep the download, and its rights, going.
        response = StreamingHttpResponse(
            Watched(text, self.actor, self.asked.again),
            content_type="text/plain; charset=utf-8",
        )
        response["Content-Disposition"] = f'attachment; filename="{job.pk}.log"'
        return response


class MetricsPage(ResourcePage):
    """Series of one plot (``?group=loss``), thinned so that extremes stay."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> JsonResponse:
        job = self.obj
        group = request.GET.get("group", "")
        series = services.metric_series(job)
        shown = {k: v for k, v in series.items() if not group or metrics.kind(k) == group}
        return JsonResponse(
            {
                "kind": "line",
                "x_kind": "value",
                "x_label": _("step"),
                "series": [
                    {"name": name, "data": metrics.thin(points)}
                    for name, points in sorted(shown.items())
                ],
                "empty": not shown,
                "done": job.is_terminal,
            }
        )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0
