"""Small rules of what pages say and how: code in sentences, browsers, cells, colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation
from django.utils.safestring import mark_safe

from console.ui import format as fmt
from console.ui import html, patterns
from sharing.permission import catalog
from tests.console.test_ui import request
from tests.storage import people

STATIC = Path(settings.BASE_DIR) / "static" / "console"


def test_backticks_become_code_and_all_else_is_escaped() -> None:
    said = html.ticked("Use `a<b` & not <i>, a lone ` stays")
    assert said == "Use <code>a&lt;b</code> &amp; not &lt;i&gt;, a lone ` stays"
    assert html.ticked(mark_safe("<b>`x`</b>")) == "<b>`x`</b>"
    assert html.ticked("") == ""


@pytest.mark.parametrize(
    "template, context",
    [
        ("ui/failure.html", {"card": {"text": "`port`", "steps": [{"text": "`port`"}]}}),
        ("ui/alert.html", {"text": "`port`"}),
        ("registry/model/problems.html", {"problems": [{"message": "`port`", "fix": "`port`"}]}),
        ("errors/404.html", {"error": {"hint": "`port`"}}),
        ("ui/form_problems.html", {"problems": [{"text": "`port`", "next": "`port`"}]}),
    ],
)
def test_sentences_show_no_backticks(template: str, context: dict[str, object]) -> None:
    page = render_to_string(template, context)
    assert "<code>port</code>" in page
    assert "`" not in page


@pytest.mark.parametrize(
    "agent, said",
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "HeadlessChrome/138.0 Safari/537.36",
            "Chromium on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/138.0 Safari/537.36 Edg/138.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iOS",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) Firefox/140.0", "Firefox on macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", fmt.DASH),
    ],
)
def test_browser_text(agent: str, said: str) -> None:
    assert fmt.browser_text(agent) == said


def test_a_list_without_actions_has_no_cell_for_them() -> None:
    context = patterns.list_context()
    assert "cell-actions" in render_to_string("generic/_table.html", context, request=request())
    for row in context["rows"]:
        row["actions"] = []
    assert "cell-actions" not in render_to_string("generic/_table.html", context, request=request())


@pytest.mark.parametrize(
    "template",
    [
        "training/trainingjob/attempts.html",
        "training/trainingjob/files.html",
        "serving/service/instances.html",
        "registry/model/files.html",
    ],
)
def test_tables_stack_on_a_phone_with_a_label_on_every_cell(template: str) -> None:
    source = (Path(settings.BASE_DIR) / "templates" / template).read_text()
    assert "data-table table-stack" in source
    for cell in re.findall(r"<td[^>]*>", source.replace("%}", "")):
        assert "data-label" in cell or "cell-title" in cell, cell


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, two: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _colours(name: str) -> tuple[str, str]:
    source = (STATIC / "console.css").read_text()
    found = re.search(rf"{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", source)
    assert found, name
    return found[1], found[2]


@pytest.mark.parametrize("name", ["--tblr-primary", "--tblr-primary-darken"])
def test_white_words_on_buttons_are_readable(name: str) -> None:
    for colour in _colours(name):
        assert _contrast("#ffffff", colour) >= 4.5, colour


def test_quiet_words_are_readable_on_every_ground() -> None:
    for ground in ("--surface", "--surface-2", "--tblr-body-bg"):
        for word, behind in zip(_colours("--ink-2"), _colours(ground), strict=True):
            assert _contrast(word, behind) >= 4.5, (ground, word)


def test_ages_and_line_numbers_are_not_faded() -> None:
    rules = (STATIC / "components.css").read_text()
    for selector in (".chip-age", ".log-line > a"):
        body = re.search(re.escape(selector) + r" \{([^}]*)\}", rules)
        assert body and "opacity" not in body[1], selector
    assert re.search(r"\.log-line > a \{[^}]*color: var\(--ink-2\)", rules)


@pytest.mark.django_db
def test_a_wrong_password_is_no_form_to_save(client: Client) -> None:
    owner = people.root("forgetful")
    told = {"account": owner.user.account.name, "user": "", "password": "wrong"}
    page = client.post("/sign-in", told).content.decode()
    assert "You are not signed in" in page
    assert "cannot be saved" not in page


@pytest.mark.django_db
def test_sign_in_says_why_it_is_asked_for(client: Client) -> None:
    asked = "go on to the page you asked for"
    assert asked in client.get("/sign-in?next=/models").content.decode()
    assert asked not in client.get("/sign-in").content.decode()


@pytest.mark.django_db
def test_clearing_filters_of_the_shared_tab_stays_there(client: Client) -> None:
    people.sign_in(client, people.root("reader"))
    page = client.get("/models?scope=shared").content.decode()
    reset = re.search(r'<a class="filter-reset is-idle" href="([^"]+)"', page)
    assert reset and reset[1] == "/models?scope=shared"
    assert (
        'input:not([type="hidden"], :placeholder-shown)' in (STATIC / "components.css").read_text()
    )


def test_share_permissions_promise_nothing_that_is_not_there() -> None:
    words = [str(right.words) for one in catalog.latest("registry.model") for right in one.rights]
    assert not [text for text in words if "batch" in text]
    assert [text for text in words if "train" in text] == [
        "train it further, which nothing in this version does yet"
    ]


@pytest.mark.django_db
def test_an_empty_shared_tab_leads_to_the_invitations(client: Client) -> None:
    people.sign_in(client, people.root("reader"))
    for path in ("/models", "/datasets"):
        page = client.get(f"{path}?scope=shared").content.decode()
        assert "Nothing is shared with this account" in page and "Register" not in page
        assert "Nothing is shared with this account" not in client.get(path).content.decode()


@pytest.mark.django_db
def test_passwords_are_spoken_of_in_the_language_of_the_reader(client: Client) -> None:
    people.sign_in(client, people.root("reader"))
    sent = {"old": "not the one", "new": "a new sentence", "again": "a new sentence"}
    for language, hint, wrong in (
        ("en", "At least 1", "The present password is wrong."),
        ("zh-CN", "至少1", "当前密码错误。"),
    ):
        with translation.override(None):
            page = client.post("/password", sent, headers={"accept-language": language})
        text = page.content.decode()
        assert hint in text and wrong in text
