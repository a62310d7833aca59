"""Control characters, directional overrides and zero-width characters in every column: shown by
pages, escaped by the API, never sent raw."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from django.db import connection, transaction
from django.test import Client

from console.visible_text import shown
from core.storable import unstorable
from core.visible import holds_hidden, json_escaped, visible, visible_lines
from ops.log import LineFormatter
from ops.supervisor.reporter import Reporter
from storage.object import transfer
from tests.badinput.linear import Row, check
from tests.doors import poison
from tests.doors.knock import doors, knock
from tests.doors.world import World

pytestmark = pytest.mark.postgresql

PLANTED = "hid-a\x01\x08\x1b[2J\x7f\x85\x9b31m\u200b\u200f\u202e\u2066\u2028\ufeff\U000e0041z"
RAW = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0041]"
)
FIELDS = re.compile(r"(?s)<(input|option|button|select)\b[^>]*>|<textarea\b.*?</textarea")


@pytest.fixture(scope="module")
def hidden(world: World) -> Iterator[World]:
    """The world with what is planted in every column that holds text."""
    kept = poison.SHORT, poison.LONG
    poison.SHORT, poison.LONG = PLANTED, f"{PLANTED} and {PLANTED}"
    try:
        with transaction.atomic():
            assert poison.poison(world) > 100
            yield world
            transaction.set_rollback(True)
    finally:
        poison.SHORT, poison.LONG = kept


@pytest.mark.django_db
def test_no_answer_holds_them_raw(hidden: World) -> None:
    """Every page, fragment and endpoint that is read; headers, too."""
    told = {"html": 0, "json": 0}
    for door in doors(hidden):
        if door.method != "get":
            continue
        response = knock(hidden, "root", door)
        assert response.status_code != 500, door.name
        for name, value in response.headers.items():
            assert value.isprintable(), (door.name, name, value)
            assert not RAW.search(unquote(value)), (door.name, name, value)
        kind = response["Content-Type"].partition(";")[0]
        if kind == "text/html":
            page = FIELDS.sub("", response.body.decode())
            found = RAW.search(page)
            assert not found, (door.name, page[max(0, found.start() - 60) : found.end() + 20])
            told["html"] += "\\u202e" in page
        elif kind.endswith("json"):
            text = response.body.decode()
            found = RAW.search(text)
            assert not found, (door.name, text[max(0, found.start() - 60) : found.end() + 20])
            told["json"] += PLANTED in json.dumps(json.loads(text), ensure_ascii=False) or (
                "\\u202e" in text
            )
    assert told["html"] > 20 and told["json"] > 15, f"{told}: nothing was planted"


def test_fields_of_forms_keep_what_they_hold() -> None:
    """They are sent back as they are: showing must not change what is stored."""
    page = (
        "a\u202e<p title='\u200b'>\x9b</p><input value='\u202e\u200b'>\x1b"
        "<textarea name=x>\u200b <b>\u202e</b></textarea>\u202e<br/>\u200b"
    )
    assert shown(page) == (
        "a\\u202e<p title='\\u200b'>\\x9b</p><input value='\u202e\u200b'>\\x1b"
        "<textarea name=x>\u200b <b>\u202e</b></textarea>\\u202e<br/>\\u200b"
    )
    assert holds_hidden(page) and not holds_hidden("é 中文 \xa0\t\r\n😀")


def test_a_json_document_keeps_its_values() -> None:
    text = json.dumps({PLANTED: [PLANTED, 1]}, ensure_ascii=False)
    assert not RAW.search(json_escaped(text))
    assert json.loads(json_escaped(text)) == {PLANTED: [PLANTED, 1]}


def test_directions_are_refused_where_text_comes_in() -> None:
    for one in "\u202a\u202e\u2066\u2069":
        assert f"U+{ord(one):04X}" in unstorable(f"ab{one}c")
    assert unstorable("\U0001f469\u200d\U0001f467 नमस्ते") == "", "joiners have a use"


def test_names_of_downloads() -> None:
    header = transfer.disposition(f'pho"to{PLANTED}gpj.exe\r\nX: y')
    assert header.isprintable() and not RAW.search(unquote(header)) and "\n" not in unquote(header)


def test_terminals() -> None:
    import io
    import logging

    out = io.StringIO()
    Reporter(out).say(PLANTED)
    record = logging.LogRecord("x", 20, "f", 1, "%s\nsecond", (PLANTED,), None)
    assert not RAW.search(out.getvalue()) and out.getvalue().count("\n") == 1
    line = LineFormatter("%(message)s").format(record)
    assert not RAW.search(line) and "\n" not in line and "\\u202e" in line
    assert visible(PLANTED) != PLANTED and visible_lines("a\r\nb\tc") == "a\nb\tc"


@pytest.mark.parametrize("piece", ["<", "<p", "\u202e", "<textarea>", "<input \u200b", ">", "< "])
def test_showing_grows_with_the_page(piece: str) -> None:
    check(Row("page", lambda text: (holds_hidden(text), shown(text)), lambda n: piece * n))


@pytest.mark.django_db
def test_a_refused_page_is_shown_as_well() -> None:
    response = Client().get("/nothing-\u202e-here")
    assert not RAW.search(response.content.decode())
    assert connection.vendor
