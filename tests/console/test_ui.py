"""The design system: numbers, tags and pages as they are drawn."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation
from django.utils.safestring import mark_safe

from console.ui import format as fmt
from console.ui import html, patterns
from core import visible

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORDS: dict[str, list[Any]] = json.loads(
    (Path(__file__).parents[1] / "js" / "words.json").read_text()
)


def draw(source: str, **values: object) -> str:
    return Template("{% load ui %}" + source).render(Context(values))


class TestNumbers:
    @pytest.mark.parametrize(
        ("count", "text"),
        [
            (0, "0 B"),
            (1023, "1,023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 * 1024, "150 KiB"),
            (54_950_048, "52.4 MiB"),
            (3 * 1024**5, "3.0 PiB"),
            (None, "–"),
        ],
    )
    def test_bytes(self, count: int | None, text: str) -> None:
        found = fmt.bytes_text(count).replace("\N{NO-BREAK SPACE}", " ")
        assert found.replace(",", "") == text.replace(",", "")

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.25, "250 ms"),
            (9, "9.0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3725, "1 h 2 min"),
            (200_000, "2 d 7 h"),
            (None, "–"),
            (-1, "–"),
            (timedelta(minutes=2), "2 min 0 s"),
        ],
    )
    def test_duration(self, seconds: float | timedelta | None, text: str) -> None:
        assert fmt.duration_text(seconds) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (3, "just now"),
            (50, "50 seconds ago"),
            (60, "1 minute ago"),
            (7200, "2 hours ago"),
            (86_400, "1 day ago"),
            (-7200, "in 2 hours"),
            (40 * 86_400, "2026-01-20"),
        ],
    )
    def test_relative_time(self, seconds: int, text: str) -> None:
        assert fmt.relative_time(NOW - timedelta(seconds=seconds), NOW) == text

    @pytest.mark.parametrize(("column", "language"), [(1, "en"), (2, "zh-hans")])
    def test_scripts_say_the_same(self, column: int, language: str) -> None:
        """static/console/time.js and dom.js are held against the same table (tests/js)."""
        with translation.override(language):
            for row in WORDS["relative"]:
                then = NOW - timedelta(seconds=row[0])
                assert row[column] in (None, fmt.relative_time(then, NOW))
            for row in WORDS["age"]:
                assert fmt.age_text(NOW - timedelta(seconds=row[0]), NOW) == row[column]
        for count, text in WORDS["bytes"]:
            assert fmt.bytes_text(count) == text
        for text, shown in WORDS["visible"]:
            assert visible.visible_lines(text) == shown

    def test_percent_stays_between_0_and_100(self) -> None:
        assert [fmt.percent(*pair) for pair in ((1, 3), (5, 2), (1, 0), (None, 9))] == [
            33,
            100,
            0,
            0,
        ]


class TestPieces:
    def test_values_are_escaped_once(self) -> None:
        nasty = "<script>alert(1)</script>"
        for piece in (
            html.value(nasty),
            html.copyable(nasty),
            html.chip(nasty),
            html.person(nasty),
            html.tags({nasty: nasty}),
            html.status_chip({"label": nasty, "message": nasty}),
        ):
            assert "<script>" not in piece
            assert "&lt;script&gt;" in piece
            assert "&amp;lt;" not in piece

    def test_safe_html_passes_unchanged(self) -> None:
        assert html.value(mark_safe("<b>1</b>")) == "<b>1</b>"

    def test_value_knows_its_types(self) -> None:
        assert "<time" in html.value(NOW)
        assert "yes" in html.value(True)
        assert html.value(None) == html.value("") == html.value([])
        assert "1,234" in html.value(1234) or "1234" in html.value(1234)
        assert html.value(["a", "b"]) == "a, b"

    def test_chip_has_word_icon_colour_and_age(self) -> None:
        chip = html.status_chip(
            {
                "phase": "running",
                "label": "Running",
                "tone": "blue",
                "live": True,
                "since": NOW,
                "observed_at": NOW,
                "stale": True,
            }
        )
        for part in ("Running", "chip-blue", "<svg", "chip-age", "chip-live", "chip-stale"):
            assert part in chip

    def test_chip_with_an_unknown_tone_is_grey(self) -> None:
        assert "chip-grey" in html.status_chip({"label": "x", "tone": 'crimson" onload="'})

    def test_full_chip_says_what_to_do_next(self) -> None:
        chip = html.status_chip(
            {"label": "Failed", "message": "It ended.", "next": "Read the log."}, full=True
        )
        assert "It ended." in chip
        assert "Read the log." in chip

    def test_digest_is_short_but_copies_the_whole(self) -> None:
        piece = html.digest("sha256:" + "ab" * 32)
        assert ">abababababab</code>" in piece
        assert f'data-copy="sha256:{"ab" * 32}"' in piece

    def test_an_unknown_icon_is_reported_and_drawn_as_the_fallback(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert "#square-rounded" in html.icon("no-such-icon")
        assert "no-such-icon" in caplog.text


class TestTags:
    def test_entries_of_a_panel_without_items_is_empty(self) -> None:
        assert draw("{{ panel|entries }}", panel={"title": "x"}) == "[]"

    def test_kv_does_not_offer_the_method_of_a_dict_as_copy(self) -> None:
        drawn = draw("{% kv items %}", items=[{"label": "a", "html": "b"}])
        assert "data-copy" not in drawn
        assert 'data-copy="c"' in draw(
            "{% kv items %}", items=[{"label": "a", "html": "b", "copy": "c"}]
        )

    def test_split_bar_fills_the_whole_width(self) -> None:
        drawn = draw(
            "{% split_bar parts %}", parts=[{"label": "a", "value": 1}, {"label": "b", "value": 3}]
        )
        assert [float(w) for w in re.findall(r'x="[\d.]+" y="0" width="([\d.]+)"', drawn)] == [
            25,
            75,
        ]

    def test_quota_warns_before_it_is_full(self) -> None:
        assert "bar-red" in draw('{% quota "a" 96 100 %}')
        assert "bar-yellow" in draw('{% quota "a" 80 100 %}')
        assert "<progress" not in draw('{% quota "a" 80 None %}')

    def test_card_wraps_its_content(self) -> None:
        drawn = draw('{% card title="T" %}<p>{{ word }}</p>{% endcard %}', word="<x>")
        assert "<p>&lt;x&gt;</p>" in drawn
        assert "card-title" in drawn

    def test_disabled_action_says_why(self) -> None:
        drawn = draw(
            "{% action_button action %}",
            action={
                "label": "Resume",
                "url": "/x",
                "method": "post",
                "enabled": False,
                "why_not": "It runs.",
            },
        )
        assert "disabled" in drawn
        assert "It runs." in drawn
        assert "/x" not in drawn

    def test_post_action_carries_the_token(self) -> None:
        drawn = draw(
            "{% action_button action %}",
            csrf_token="tok",
            action={"label": "Stop", "url": "/x", "method": "post", "enabled": True},
        )
        assert 'value="tok"' in drawn
        assert 'method="post"' in drawn

    def test_draw_gives_a_part_its_own_context(self) -> None:
        part = SimpleNamespace(
            template="ui/alert.html", context={"text": "from the part", "level": "info"}
        )
        assert "from the part" in draw("{% draw part %}", part=part)

    def test_json_is_escaped(self) -> None:
        assert "<script>" not in draw("{% json_view value %}", value={"a": "</pre><script>"})


def request() -> object:
    made = RequestFactory().get("/x?q=1")
    made.session = {}
    return made


@pytest.mark.urls("tests.console.ui_urls")
class TestPages:
    def test_pattern_page_shows_every_component(self) -> None:
        page = render_to_string("patterns.html", patterns.example_context(), request=request())
        for mark in (
            "data-chart",
            "data-log",
            "data-upload",
            "data-predict",
            "data-secret",
            "data-tags-editor",
            "image-grid",
            "stages",
            "failure",
        ):
            assert mark in page

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_every_error_page_draws_without_any_context(self, language: str) -> None:
        with translation.override(language):
            for code in (400, 403, 404, 409, 412, 429, 500):
                page = render_to_string(f"errors/{code}.html")
                assert str(code) in page
                assert "<h1>" in page

    def test_denial_names_action_step_and_smallest_missing_right(self) -> None:
        decision = {
            "allowed": False,
            "action": "obs:bucket:CreateBucket",
            "step": "identity policies",
            "reason": "No statement allows it.",
            "missing": "obs:bucket:CreateBucket on *",
            "id": "d-42",
            "trace": [{"name": "account", "outcome": "pass", "text": "same"}],
        }
        page = render_to_string(
            "errors/403.html",
            {
                "error": SimpleNamespace(
                    status=403, message="No statement allows it.", hint="", decision=decision
                )
            },
        )
        for part in ("obs:bucket:CreateBucket", "identity policies", "on *", "d-42", "same"):
            assert part in page

    def test_list_shows_an_empty_state_that_depends_on_the_filter(self) -> None:
        context = patterns.list_context() | {"rows": []}
        assert "No training job yet" in render_to_string(
            "generic/_table.html", context, request=request()
        )
        filtered = render_to_string(
            "generic/_table.html", context | {"is_filtered": True}, request=request()
        )
        assert "Nothing matches" in filtered
        assert "No training job yet" not in filtered

    def test_list_escapes_names_and_keeps_safe_cells(self) -> None:
        context = patterns.list_context()
        context["rows"][0]["object"] = "<i>x</i>"
        page = render_to_string("generic/_table.html", context, request=request())
        assert "<i>x</i>" not in page
        assert "chip-green" in page

    def test_delete_page_asks_for_the_name_and_lists_what_breaks(self) -> None:
        page = render_to_string(
            "generic/delete.html",
            {
                "title": "Delete digits",
                "typed": "digits",
                "version": 3,
                "blocked": True,
                "inventory": [
                    {
                        "label": "Jobs",
                        "items": [{"text": "job-1", "url": "/j"}],
                        "severity": "danger",
                        "count": 1,
                    }
                ],
            },
            request=request(),
        )
        assert 'data-confirm-typed="digits"' in page
        assert 'name="version" value="3"' in page
        assert '<a href="/j">job-1</a>' in page

    def test_form_keeps_what_was_typed_and_links_to_wrong_fields(self) -> None:
        form = patterns.ExampleForm({"name": "", "epochs": "500", "engine": "torch"})
        form.is_valid()
        page = render_to_string(
            "generic/form.html", {"form": form, "title": "New"}, request=request()
        )
        assert 'value="500"' in page
        assert 'href="#id_name"' in page
        assert 'aria-invalid="true"' in page
        assert 'id="id_name_error"' in page
