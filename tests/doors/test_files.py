"""What people uploaded comes back as bytes: no browser runs it in the console's origin."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction

from storage.object.models import StoredObject
from tests.doors.world import World
from tests.storage import people

pytestmark = pytest.mark.django_db

SCRIPT = b"<script>alert(document.domain)</script>"
FILES = {
    "page.html": ("text/html", b"<!doctype html>" + SCRIPT),
    "page.xhtml": ("application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>"),
    "drawing.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT),
    "paper.pdf": ("application/pdf", b"%PDF-1.4 /OpenAction << /S /JavaScript >>"),
    "picture.gif": ("image/gif", b"GIF89a=1;/*" + SCRIPT + b"*/"),
    "code.js": ("text/javascript", b"alert(1)"),
    "style.css": ("text/css", b"*{background:url(//evil.example)}"),
    "tree.xml": ("text/xml", b"<?xml-stylesheet href='x.xsl'?><a/>"),
    "mail.mht": ("message/rfc822", b"Content-Type: text/html\r\n\r\n" + SCRIPT),
    "nothing": ("", SCRIPT),
    "odd": ("text/html\r\nX-Evil: 1", SCRIPT),
    "many; charset=utf-7": ("text/html; charset=utf-7", b"+ADw-script+AD4-"),
}  # fmt: skip
NAMES = (
    'a".html', "a;filename=b.exe", "a%0d%0aX-Evil: 1.txt", "名字.html", "a'b\u00e9.html",
    "..a", "a b", "%22%3b.html", "=?utf-8?q?a?=",
)  # fmt: skip


def assert_inert(response: Any, where: str) -> None:
    assert response.status_code == 200, where
    assert response["X-Content-Type-Options"] == "nosniff", where
    assert response["Content-Disposition"].startswith("attachment;"), where
    policy = response["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-" not in policy, where
    assert "X-Evil" not in response.headers, where
    assert response["Cache-Control"] == "private, no-cache", where
    assert not response.has_header("Access-Control-Allow-Origin"), where
    assert response["Cross-Origin-Resource-Policy"] == "same-origin", where
    kind = response["Content-Type"].partition(";")[0]
    assert "script" not in kind and "css" not in kind, where  # some browsers go by the type alone
    b"".join(response.streaming_content)


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_upload_comes_back_inert(world: World, name: str) -> None:
    kind, data = FILES[name]
    with transaction.atomic():
        root = world.client("root", api=True)
        path = f"/api/v1/buckets/data/objects/up/{quote(name)}"
        if "\r" in kind:  # no server lets this in; the stored type is checked all the same
            people.put(world.people["root"], "data", f"up/{name}", data)
            rows = StoredObject.objects.unscoped("test").filter(key=f"up/{name}")
            rows.update(content_type="text/html")
        else:
            answer = root.generic("PUT", path, data, content_type=kind)
            assert answer.status_code == 201, answer.content
        for client in (root, world.client("root", api=False)):
            assert_inert(client.get(path), name)
        transaction.set_rollback(True)


EMBEDDED = (
    "script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet",
    "iframe", "frame", "embed", "object", "font", "manifest", "xslt", "json", "report", "track",
    "Script", "something-new", "",
)  # fmt: skip


@pytest.mark.parametrize("wanted", EMBEDDED)
def test_uploads_are_nothing_to_run_or_embed(world: World, wanted: str) -> None:
    """The policy of our pages allows scripts of our origin, and uploads lie in it too. Also not
    from the browser's cache, which asks whether what it has is still the same."""
    with transaction.atomic():
        path = "/api/v1/buckets/data/objects/up/code.js"
        root = world.client("root", api=True)
        put = root.generic("PUT", path, b"alert(1)", content_type="text/javascript")
        for address in (
            path,
            f"/api/v1/dataset-versions/{world.ids['dataset-versions']}/files/a.txt",
            f"/api/v1/models/{world.ids['models']}/files/model/config.json",
        ):
            for known in ({}, {"If-None-Match": put["ETag"]}, {"If-None-Match": "*"}):
                page = world.client("root", api=False)
                answer = page.get(address, headers={"Sec-Fetch-Dest": wanted, **known})
                assert answer.status_code == 403, (address, known)
                assert answer.json()["error_code"] == "NOT_FOR_EMBEDDING"
                assert answer["X-Content-Type-Options"] == "nosniff"
        transaction.set_rollback(True)


@pytest.mark.parametrize("wanted", ["empty", "document", "image", "audio", "video"])
def test_downloads_and_previews_still_work(world: World, wanted: str) -> None:
    with transaction.atomic():
        path = "/api/v1/buckets/data/objects/up/picture.png"
        root = world.client("root", api=True)
        root.generic("PUT", path, b"\x89PNG", content_type="image/png")
        answer = world.client("root", api=False).get(path, headers={"Sec-Fetch-Dest": wanted})
        assert answer["Content-Type"] == "image/png"
        assert_inert(answer, wanted)
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_downloads_are_one_harmless_parameter(world: World, name: str) -> None:
    with transaction.atomic():
        path = f"/api/v1/buckets/data/objects/up/{quote(name, safe='')}"
        root = world.client("root", api=True)
        answer = root.generic("PUT", path, b"x", content_type="text/html")
        if answer.status_code == 400:  # a second decoding would change it: refused
            assert answer.json()["error_code"] == "BAD_KEY"
        else:
            got = root.get(path)
            assert_inert(got, name)
            shown = got["Content-Disposition"]
            assert re.fullmatch(
                r"attachment; filename=\"[^\"\\%\r\n]*\"; filename\*=UTF-8''[A-Za-z0-9._~%-]*",
                shown,
            ), shown
        transaction.set_rollback(True)


def test_files_of_datasets_and_models_are_inert_too(world: World) -> None:
    client = world.client("root", api=True)
    for path in (
        f"/api/v1/dataset-versions/{world.ids['dataset-versions']}/files/a.txt",
        f"/api/v1/models/{world.ids['models']}/files/model/config.json",
    ):
        assert_inert(client.get(path), path)


@pytest.mark.parametrize("sign", ["%0A", "%0D%0A", "%0a", "%E2%80%A8", "%00", "%7F"])
@pytest.mark.parametrize("where", ["{}a", "a{}b", "a/{}", "a{}"])
def test_a_key_with_a_control_character_is_told_the_rule(
    world: World, sign: str, where: str
) -> None:
    """Not “not found”, which would be said of a key that could exist."""
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        path = f"/api/v1/buckets/data/objects/{where.format(sign)}"
        answer = world.client("root", api=True).generic(method, path, b"x")
        assert answer.status_code == 400, (method, answer.status_code)
        if method != "HEAD":
            assert answer.json()["error_code"] in ("BAD_KEY", "UNSTORABLE_TEXT")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../console/settings/__init__.py", "/static/..%2fmanage.py",
        "/static/%2e%2e/manage.py", "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd", "/static/console/..%5c..%5cmanage.py",
        "/api/v1/buckets/data/objects/..%2f..%2fsecrets.json",
        "/api/v1/buckets/..%2f..%2fsecrets.json/objects",
        "/api/v1/models/{models}/files/..%2f..%2fsecrets.json",
        "/api/v1/dataset-versions/{dataset-versions}/files/..%2f..%2fsecrets.json",
        "/api/v1/services/{services}/logs?instance=..%2f..%2fsecrets.json",
        "/api/v1/training-jobs/{training-jobs}/logs?attempt=..%2f1",
        "/services/{services}/x/log?instance=..%2f..%2fsecrets.json",
        "/dataset-versions/{dataset-versions}/x/picture?file=..%2fsecrets.json&index=0",
    ],
)  # fmt: skip
def test_no_path_leaves_its_place(world: World, path: str) -> None:
    filled = path.format(**world.ids)
    client = world.client("root", api=filled.startswith("/api/"))
    response = client.get(filled)
    assert response.status_code in (400, 404), response.status_code
    body = response.content
    assert b"SECRET_KEY" not in body and b"root:" not in body and b"DJANGO" not in body
