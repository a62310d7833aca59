"""Example values for the pattern page: every component in every state it can have.

The page is for people who write templates and for the tests of the design system; it shows no
object of the installation.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django import forms
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext as _

from console.ui import html

_LABELS = ("7", "2", "1", "0", "4", "1", "4", "9", "5", "9", "0", "6")


class ExampleForm(forms.Form):
    """One field of each kind, for the looks alone."""

    name = forms.CharField(max_length=64, help_text=_("Letters, digits, hyphens; unique here."))
    engine = forms.ChoiceField(
        choices=[("sklearn", "python_3.11-sklearn-cpu"), ("torch", "pytorch_2.13-cpu-py_3.11")]
    )
    visibility = forms.ChoiceField(
        choices=[("private", _("Only this account")), ("shared", _("Accounts I invite"))],
        widget=forms.RadioSelect,
        initial="private",
    )
    epochs = forms.IntegerField(min_value=1, max_value=100, initial=12)
    hyperparameters = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, initial='{"lr": 0.01}'
    )
    code = forms.FileField(required=False)
    keep = forms.BooleanField(required=False, label=_("Keep checkpoints"), initial=True)


class ExampleFilters(forms.Form):
    """Filters of the example list."""

    phase = forms.ChoiceField(
        required=False, label=_("Status"), choices=[("", _("any")), ("running", _("Running"))]
    )
    mine = forms.BooleanField(required=False, label=_("Mine"))


def _digit(label: str) -> str:
    picture = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 28 28'><rect width='28' height='28'/>"
        "<text x='14' y='22' font-size='22' font-family='monospace' text-anchor='middle' "
        f"fill='white'>{label}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(picture)}"


def statuses() -> list[dict[str, Any]]:
    """One status per tone, among them a live and a stale one."""
    now = timezone.now()
    return [
        {
            "phase": "succeeded",
            "label": _("Succeeded"),
            "tone": "green",
            "observed_at": now - timedelta(hours=3),
        },
        {
            "phase": "running",
            "label": _("Running"),
            "tone": "blue",
            "live": True,
            "observed_at": now - timedelta(minutes=4),
            "secondary": _("epoch 4 of 12"),
        },
        {
            "phase": "queued",
            "label": _("Queued"),
            "tone": "purple",
            "live": True,
            "observed_at": now - timedelta(seconds=20),
        },
        {
            "phase": "degraded",
            "label": _("Degraded"),
            "tone": "yellow",
            "observed_at": now - timedelta(minutes=9),
            "message": _("1 of 2 instances is ready."),
            "next": _("Open the instance's log."),
        },
        {
            "phase": "failed",
            "label": _("Failed"),
            "tone": "red",
            "observed_at": now - timedelta(days=2),
            "message": _("The code ended with exit code 1."),
            "next": _("Read the last exception."),
        },
        {
            "phase": "stopped",
            "label": _("Stopped"),
            "tone": "grey",
            "observed_at": now - timedelta(days=12),
        },
        {
            "phase": "running",
            "label": _("Running"),
            "tone": "grey",
            "stale": True,
            "observed_at": now - timedelta(minutes=31),
        },
    ]


def _rows() -> list[dict[str, Any]]:
    now = timezone.now()
    rows = []
    for number, status in enumerate(statuses()):
        name = f"mnist-cnn-{number + 1:02d}"
        cells = [
            name,
            html.status_chip(status),
            html.progress(100 if status["phase"] == "succeeded" else 11 * number),
            html.duration(timedelta(seconds=411 * (number + 1))),
            html.person("mei.chen" if number % 2 else "a.fischer"),
            html.time(now - timedelta(hours=2 * number + 1)),
        ]
        rows.append(
            {
                "object": name,
                "id": str(number),
                "url": "#",
                "cells": [{"html": cell, "label": ""} for cell in cells],
                "actions": _actions(),
            }
        )
    return rows


def _actions() -> list[dict[str, Any]]:
    return [
        {"label": _("Stop"), "url": "#", "icon": "player-stop", "method": "post", "enabled": True},
        {
            "label": _("Resume"),
            "url": "#",
            "icon": "player-play",
            "method": "post",
            "enabled": False,
            "why_not": _("Not possible while the status is Running."),
        },
        {"label": _("Edit"), "url": "#", "icon": "edit", "method": "get", "enabled": True},
        {
            "label": _("Delete"),
            "url": "#",
            "icon": "trash",
            "tone": "danger",
            "method": "get",
            "enabled": True,
        },
    ]


def list_context() -> dict[str, Any]:
    """Context of generic/list.html with rows."""
    columns = [
        {
            "name": name,
            "label": label,
            "sortable": True,
            "sort_url": f"?sort={name}",
            "sorted": "desc" if name == "created" else "",
            "align": align,
        }
        for name, label, align in (
            ("name", _("Name"), ""),
            ("phase", _("Status"), ""),
            ("progress", _("Progress"), ""),
            ("duration", _("Duration"), "end"),
            ("owner", _("Owner"), ""),
            ("created", _("Created"), ""),
        )
    ]
    return {
        "spec": {
            "label": _("training job"),
            "label_plural": _("training jobs"),
            "slug": "jobs",
        },
        "screen": {
            "icon": "cpu",
            "description": _("Runs of your code on your data."),
            "empty_title": _("No training job yet"),
            "empty_text": _("A job runs your training code on a dataset and keeps what it makes."),
        },
        "columns": columns,
        "rows": _rows(),
        "page": {
            "number": 2,
            "pages": 5,
            "count": 93,
            "count_capped": False,
            "first": 21,
            "last": 27,
            "prev_url": "?page=1",
            "next_url": "?page=3",
        },
        "tabs_scope": [
            {"label": _("Mine"), "url": "#", "active": True, "count": 93},
            {"label": _("Shared with me"), "url": "#", "active": False, "count": 4},
        ],
        "filter_form": ExampleFilters(),
        "search": "",
        "can_create": True,
        "create_url": "#",
        "create_label": _("Create training job"),
        "is_filtered": False,
    }


def detail_context() -> dict[str, Any]:
    """Context of generic/detail.html with the Overview tab."""
    facts = [
        {
            "label": _("ID"),
            "html": "0d6a1f0e-2c5b-4f3a-9a61-5d5f2a1c7b11",
            "copy": "0d6a1f0e-2c5b-4f3a-9a61-5d5f2a1c7b11",
        },
        {"label": _("Created"), "html": timezone.now() - timedelta(minutes=5)},
        {"label": _("Owner"), "html": html.person("mei.chen")},
        {"label": _("Tags"), "html": {"team": "vision", "stage": "trial"}},
        {"label": _("Description"), "html": None},
    ]
    data = [
        {"label": _("Data"), "html": "digits, version 3"},
        {"label": _("Size"), "html": html.size(54_950_048)},
        {"label": _("Digest"), "html": html.digest("sha256:" + "9f86d081884c7d65" * 4)},
    ]
    return {
        "spec": list_context()["spec"],
        "screen": list_context()["screen"],
        "object": "mnist-cnn-02",
        "title": "mnist-cnn-02",
        "status": statuses()[1],
        "tabs": [
            {"name": name, "label": label, "url": "#", "active": name == "overview", "count": count}
            for name, label, count in (
                ("overview", _("Overview"), None),
                ("metrics", _("Metrics"), None),
                ("logs", _("Logs"), None),
                ("events", _("Events"), 12),
                ("tags", _("Tags"), 2),
            )
        ],
        "tab_template": "generic/tabs/overview.html",
        "actions": _actions(),
        "live_url": None,
        "panels": [
            {"title": _("Configuration"), "icon": "settings", "items": facts, "span": 6},
            {"title": _("Input"), "icon": "database", "items": data, "span": 6},
        ],
    }


def example_context() -> dict[str, Any]:
    """Everything templates/patterns.html shows."""
    wrong = ExampleForm({"name": "", "engine": "sklearn", "epochs": "0"})
    wrong.is_valid()
    return {
        "title": _("Patterns"),
        "statuses": statuses(),
        "moments": [timezone.now() - timedelta(seconds=s) for s in (3, 50, 400, 9000, 200_000)],
        "later": timezone.now() + timedelta(hours=2),
        "digest_example": "sha256:" + "9f86d081884c7d65" * 4,
        "tags_example": {"team": "vision", "stage": "trial"},
        "json_example": {"predicted_label": 7, "scores": [0.01, 0.98], "ok": True, "note": None},
        "code_example": 'curl -H "Authorization: Bearer $TOKEN" \\\n'
        "     -F images=@seven.png https://modelyard.example/services/digits",
        "stages_example": [
            {"label": _("Validate"), "state": "done", "duration": 0.4},
            {"label": _("Queue"), "state": "done", "duration": 12},
            {"label": _("Prepare"), "state": "done", "duration": 31},
            {"label": _("Run"), "state": "now", "duration": 244},
            {"label": _("Upload"), "state": "todo"},
        ],
        "stages_failed": [
            {"label": _("Validate"), "state": "done", "duration": 0.4},
            {"label": _("Run"), "state": "failed", "duration": 9},
            {"label": _("Upload"), "state": "todo"},
        ],
        "failure_example": {
            "title": _("The training code stopped with an error"),
            "text": _("Label 10 appears in the data, but the network has 10 outputs (0 to 9)."),
            "reason": "USER_CODE_FAILED",
            "proof": [
                {"label": _("Exit code"), "html": "1"},
                {"label": _("Where"), "html": "train.py:88"},
            ],
            "code": 'File "train.py", line 88, in main\nValueError: target 10 is out of bounds',
            "steps": [
                {
                    "text": _("Look at the labels of the dataset."),
                    "label": _("Open dataset"),
                    "url": "#",
                    "method": "get",
                },
                {
                    "text": _("Run again with more outputs."),
                    "label": _("Clone the job"),
                    "url": "#",
                    "method": "get",
                },
            ],
        },
        "split_example": [
            {"label": "v1", "value": 90, "hint": ""},
            {"label": "v2", "value": 10, "hint": ""},
        ],
        "samples": [
            {"src": _digit(label), "label": label, "caption": f"#{number}"}
            for number, label in enumerate(_LABELS)
        ],
        "charts": {
            name: static(f"console/patterns/{name}.json")
            for name in ("loss", "classes", "traffic", "confusion", "nothing")
        },
        "log_url": static("console/patterns/log.json"),
        "notices": [
            {"level": level, "text": text, "url": "#"}
            for level, text in (
                ("info", _("Two invitations to shared models are waiting.")),
                ("success", _("The dataset is complete.")),
                ("warning", _("This installation runs user code with weaker isolation.")),
                ("error", _("The worker has not answered for five minutes.")),
            )
        ],
        "actions": _actions(),
        "form": ExampleForm(),
        "wrong_form": wrong,
        "problems": [
            {
                "field": "id_code",
                "label": _("Code"),
                "text": _("The archive has no file train.py."),
                "next": _("Put train.py at its top level, or name another start file."),
            }
        ],
        "quotas": [
            {
                "label": _("Storage"),
                "used": 3_200_000_000,
                "limit": 10_000_000_000,
                "unit": "bytes",
            },
            {"label": _("Running jobs"), "used": 9, "limit": 10, "unit": ""},
            {"label": _("Models"), "used": 41, "limit": None, "unit": ""},
        ],
        "list": list_context(),
        "detail": detail_context(),
    }
