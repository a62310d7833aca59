"""Special pages of a service: log, plots, and the call behind the Predict tab."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.api import errors as answers
from console.bodies import Body
from console.pages.base import ResourcePage
from core import access
from core.errors import AppError
from serving import messages
from serving.gateway.protocol import BUCKETS
from serving.service import relay, services
from serving.service.calls import MAX_BODY
from serving.service.models import Service, Traffic

WINDOW = dt.timedelta(hours=1)


class LogPage(ResourcePage):
    """``?offset=&instance=`` -> {"text", "marks", "next", "eof"}."""

    verb = "logs"

    def get(self, request: HttpRequest, pk: Any) -> JsonResponse:
        service = self.obj
        text = request.GET.get("offset", "0")
        offset = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        wanted = request.GET.get("instance", "")
        return JsonResponse(services.log_chunk(service, wanted, offset, 256 * 1024, colours=True))


class PredictPage(ResourcePage):
    """What the Predict tab sends: passed on to the gateway as this user, the answer passed back."""

    verbs: ClassVar = {"put": "infer", "post": "infer"}
    reads_form = False
    bodies: ClassVar[Mapping[str, Body]] = {
        "put": Body(MAX_BODY, streamed=True),
        "post": Body(MAX_BODY, streamed=True),
    }

    def put(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What the tab sends: the check against forged requests would read a POST's form, and
        with it the picture, before this page could pass it on."""
        return self.post(request, pk)

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        try:
            return self.passed_on(request, self.obj)
        except AppError as error:
            return answers.answer(request, error)  # the tab's script shows its sentence

    def passed_on(self, request: HttpRequest, service: Service) -> HttpResponse:
        """The gateway's answer. Raises AppError."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            error = AppError(messages.BODY_TOO_LARGE())
            error.status = 413
            raise error
        with relay.calls.one(self.actor.user_id):
            body = request.read(int(length))
            access.look_again(self.actor)  # the body may have taken long to come
            self.asked.again()
            kind = request.META.get("CONTENT_TYPE", "")
            answer = relay.ask(self.actor, service, body, kind)
        response = HttpResponse(answer.content, status=answer.status, content_type=answer.kind)
        # A tenant's code wrote it: it is data here, even where a browser would show it.
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cache-Control"] = "private, no-store"
        return response


class TrafficPage(ResourcePage):
    """Plots of the last hour: ``?plot=rate`` requests by status, ``?plot=latency`` p50 and p95."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> JsonResponse:
        service = self.obj
        rows = list(
            Traffic.objects.filter(service=service, at__gte=timezone.now() - WINDOW).order_by("at")
        )
        plot = _latency if request.GET.get("plot") == "latency" else _rate
        return JsonResponse(
            {
                "kind": "line",
                "x_kind": "time",
                "empty": not rows,
                "done": service.is_settled,
                **plot(rows),
            }
        )


def _millis(row: Traffic) -> int:
    return int(row.at.timestamp() * 1000)


def _rate(rows: list[Traffic]) -> dict[str, Any]:
    series: dict[str, list[list[float]]] = {}
    for row in rows:
        per_second = round(row.requests / max(row.seconds, 0.001), 3)
        series.setdefault(str(row.status), []).append([_millis(row), per_second])
    return {
        "unit": "/s",
        "series": [{"name": _("status %s") % n, "data": d} for n, d in sorted(series.items())],
    }


def _latency(rows: list[Traffic]) -> dict[str, Any]:
    """Percentiles from the summed histograms of each period; a bucket's upper bound is shown."""
    periods: dict[int, list[int]] = {}
    for row in rows:
        if row.status >= 400:
            continue
        summed = periods.setdefault(_millis(row), [0] * (len(BUCKETS) + 1))
        for number, count in enumerate(row.histogram[: len(summed)]):
            summed[number] += count
    lines = []
    for share, name in ((0.5, "p50"), (0.95, "p95")):
        data = [
            [at, quantile(histogram, share) * 1000] for at, histogram in sorted(periods.items())
        ]
        lines.append({"name": name, "data": data})
    return {"unit": "ms", "series": lines}


def quantile(histogram: list[int], share: float) -> float:
    """Upper bound in seconds of the bucket that holds the ``share`` quantile; 0.0 when empty."""
    total, seen = sum(histogram), 0
    for number, count in enumerate(histogram):
        seen += count
        if total and seen >= share * total:
            return BUCKETS[min(number, len(BUCKETS) - 1)]
    return 0.0
