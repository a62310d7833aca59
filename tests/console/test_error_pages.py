"""Error pages: inside the console for who is signed in, alone and without questions for a 500."""

from __future__ import annotations

import errno
import io
import re

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from console.pages import errors
from core import outage
from tests.storage import people

MENU = 'id="sidebar"'


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


@pytest.mark.django_db
class TestErrorPages:
    def test_who_is_signed_in_keeps_menu_search_and_account(self) -> None:
        owner = people.root("lost")
        client = Client()
        people.sign_in(client, owner)
        for path, status in (("/no-such-page", 404), ("/region", 405)):
            page = client.get(path)
            assert page.status_code == status
            for part in (MENU, "topbar-search", "account-button"):
                assert part in text(page), path
        nobody = people.user(owner, "nobody", [])
        people.sign_in(client, nobody)
        page = client.get("/buckets")
        assert page.status_code == 403
        assert MENU in text(page)

    def test_who_is_not_signed_in_gets_no_menu(self) -> None:
        page = Client().get("/no-such-page")
        assert page.status_code == 404
        assert MENU not in text(page)

    def test_back_leads_to_the_page_of_this_installation(self) -> None:
        owner = people.root("walker")
        client = Client()
        people.sign_in(client, owner)
        here = "http://testserver/models?q=x"
        shown = text(client.get("/no-such-page", headers={"referer": here}))
        assert re.search(r'<a class="btn" href="/models\?q=x">.*?Back</a>', shown)
        same = "http://testserver/no-such-page"
        assert "Back</a>" not in text(client.get("/no-such-page", headers={"referer": same}))
        other = "https://elsewhere.example/models"
        assert other not in text(client.get("/no-such-page", headers={"referer": other}))

    def test_413_says_what_to_do_in_the_language_of_the_reader(self) -> None:
        body = "a=" + "x" * 400_000
        kind = "application/x-www-form-urlencoded"
        page = Client().post("/sign-in", body, content_type=kind)
        assert page.status_code == 413
        assert "larger than this page takes (16.0\xa0KB)" in text(page)
        assert "/api/" not in text(page)
        chinese = {"accept-language": "zh-hans"}
        page = Client().post("/sign-in", body, content_type=kind, headers=chinese)
        assert "未作任何更改" in text(page)

    def test_415_says_what_the_page_does_not_read(self) -> None:
        client = Client()
        people.sign_in(client, people.root("sender"))
        part = io.BytesIO(b"1")
        part.name = "a.txt"
        for language, words in (("en", "takes none"), ("zh-hans", "不接收文件")):
            headers = {"accept-language": language}
            page = client.post("/groups/new", {"name": "g", "f": part}, headers=headers)
            part.seek(0)
            assert page.status_code == 415
            assert words in text(page) and MENU in text(page)
            assert "/api/" not in text(page)

    @pytest.mark.parametrize(
        ("problem", "words"),
        [
            (OperationalError("connection refused"), "数据库"),
            (OSError(errno.ENOSPC, "no space"), "磁盘已满"),
            (OperationalError("interrupted"), "超过"),
        ],
    )
    def test_503_speaks_the_language_of_the_reader(self, problem: Exception, words: str) -> None:
        away = outage.of(problem)
        assert away is not None
        request = RequestFactory().get("/models")
        with translation.override("zh-hans"):
            page = errors.unavailable(request, away)
        shown = text(page).split("error-card")[1].split("</section>")[0]
        assert words in shown
        assert page.headers["Retry-After"]
        visible = re.sub(r"<[^>]*>", " ", shown)
        assert not re.search(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}", visible), visible
        assert 'href="/"' in shown and 'href=""' in shown

    def test_405_speaks_to_people(self) -> None:
        client = Client()
        people.sign_in(client, people.root("typist"))
        page = client.get("/region")
        assert page.headers["Allow"]
        assert "a button or a form" in text(page)
        assert "POST" not in text(page).split("error-text")[1].split("</section>")[0]

    def test_500_asks_the_database_nothing(self) -> None:
        request = RequestFactory().get("/models")
        request.actor = people.root("unlucky").actor
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = errors.server_error(request)
        assert page.status_code == 500
        assert len(asked) == 0
        assert MENU not in text(page)
