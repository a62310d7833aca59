"""Bytes over the API: in, out, and every way in which they must not get in or out."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import Client

from storage.blob.models import Blob
from tests.storage import people
from tests.storage.people import Person, statement

pytestmark = pytest.mark.postgresql

Api = Callable[[Person], Client]
DATA = bytes(range(256)) * 40


def url(key: str = "", bucket: str = "team1") -> str:
    base = f"/api/v1/buckets/{bucket}/objects"
    return f"{base}/{quote(key)}" if key else base


def send(client: Client, key: str, data: bytes, **headers: str) -> object:
    return client.put(
        url(key),
        data,
        content_type="application/octet-stream",
        headers=headers or None,
        CONTENT_LENGTH=str(len(data)),
    )


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def stored_files(var_dir: Path) -> list[Path]:
    return [p for p in (var_dir / "objects").rglob("*") if p.is_file()]


def test_what_goes_in_comes_out(alice: Person, api: Api) -> None:
    people.bucket(alice)
    client = api(alice)
    digest = hashlib.sha256(DATA).hexdigest()
    response = send(client, "a/data.bin", DATA, X_Content_SHA256=digest)
    assert response.status_code == 201, response.content
    assert response.json() == {"key": "a/data.bin", "size": len(DATA), "sha256": digest}

    got = client.get(url("a/data.bin"))
    assert got.status_code == 200
    assert body(got) == DATA
    assert got["X-Content-SHA256"] == digest
    assert got["ETag"] == f'"{digest}"'
    assert got["Content-Length"] == str(len(DATA))
    assert got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Disposition"].startswith('attachment; filename="data.bin"')
    assert "sandbox" in got["Content-Security-Policy"]
    assert client.get(url("a/data.bin"), headers={"If-None-Match": got["ETag"]}).status_code == 304

    head = client.head(url("a/data.bin"))
    assert (head.status_code, head["Content-Length"], head.content) == (200, str(len(DATA)), b"")

    listing = client.get(url()).json()
    assert [i["key"] for i in listing["items"]] == ["a/data.bin"]
    assert listing["items"][0]["sha256"] == digest
    assert listing["next_marker"] is None

    assert client.delete(url("a/data.bin")).status_code == 204
    assert client.get(url("a/data.bin")).status_code == 404
    assert client.delete(url("a/data.bin")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "part", "content_range"),
    [
        ("bytes=0-9", 206, DATA[:10], f"bytes 0-9/{len(DATA)}"),
        ("bytes=10-", 206, DATA[10:], f"bytes 10-{len(DATA) - 1}/{len(DATA)}"),
        ("bytes=-5", 206, DATA[-5:], f"bytes {len(DATA) - 5}-{len(DATA) - 1}/{len(DATA)}"),
        ("bytes=0-999999", 206, DATA, f"bytes 0-{len(DATA) - 1}/{len(DATA)}"),
        ("bytes=0-1,4-5", 200, DATA, None),
        ("lines=1-2", 200, DATA, None),
    ],
)
def test_ranges(
    alice: Person, api: Api, asked: str, status: int, part: bytes, content_range: str | None
) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "x", DATA)
    got = api(alice).get(url("x"), headers={"Range": asked})
    assert got.status_code == status
    assert body(got) == part
    assert got.get("Content-Range") == content_range


def test_a_range_beyond_the_end_is_refused(alice: Person, api: Api) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "x", b"abc")
    client = api(alice)
    got = client.get(url("x"), headers={"Range": "bytes=3-"})
    assert (got.status_code, got.json()["error_code"]) == (416, "RANGE_NOT_SATISFIABLE")
    stale = client.get(url("x"), headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (stale.status_code, body(stale)) == (200, b"abc")


def test_empty_object(alice: Person, api: Api) -> None:
    people.bucket(alice)
    client = api(alice)
    response = send(client, "empty", b"")
    assert response.status_code == 201, response.content
    assert response.json()["sha256"] == hashlib.sha256(b"").hexdigest()
    got = client.get(url("empty"))
    assert (got.status_code, got.content, got["Content-Length"]) == (200, b"", "0")


def test_wrong_digest_stores_nothing(alice: Person, api: Api, var_dir: Path) -> None:
    people.bucket(alice)
    client = api(alice)
    response = send(client, "x", DATA, X_Content_SHA256="0" * 64)
    assert (response.status_code, response.json()["error_code"]) == (400, "DIGEST_MISMATCH")
    assert client.get(url("x")).status_code == 404
    assert stored_files(var_dir) == []
    assert not Blob.objects.exists()
    malformed = send(client, "x", DATA, X_Content_SHA256="zz")
    assert malformed.json()["error_code"] == "VALIDATION_FAILED"


def test_a_cut_upload_stores_nothing(alice: Person, api: Api, var_dir: Path) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "x", b"before")
    response = api(alice).generic(
        "PUT",
        url("x"),
        b"half",
        CONTENT_LENGTH="8",
        content_type="application/octet-stream",
        **{"wsgi.input": io.BytesIO(b"half")},
    )
    assert (response.status_code, response.json()["error_code"]) == (400, "INCOMPLETE_BODY")
    assert body(api_get(alice, api, "x")) == b"before"
    assert len(stored_files(var_dir)) == 1


def api_get(person: Person, api: Api, key: str) -> object:
    return api(person).get(url(key))


def test_length_is_required(alice: Person, api: Api) -> None:
    people.bucket(alice)
    response = api(alice).generic("PUT", url("x"), b"", CONTENT_LENGTH="")
    assert (response.status_code, response.json()["error_code"]) == (411, "LENGTH_REQUIRED")


def test_a_piece_is_not_stored_as_the_whole(alice: Person, api: Api) -> None:
    people.bucket(alice)
    send(api(alice), "x", b"whole")
    response = api(alice).generic("PUT", url("x"), b"ho", HTTP_CONTENT_RANGE="bytes 1-2/5")
    assert (response.status_code, response.json()["error_code"]) == (400, "PARTIAL_UPLOAD")
    kept = api(alice).get(url("x"))
    assert b"".join(kept.streaming_content) == b"whole"


def test_too_large_is_refused_before_a_byte_is_read(
    alice: Person, api: Api, settings: object, var_dir: Path
) -> None:
    settings.MODELYARD_MAX_OBJECT_BYTES = 10  # type: ignore[attr-defined]
    people.bucket(alice)
    response = send(api(alice), "x", b"01234567890")
    assert (response.status_code, response.json()["error_code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "key",
    [
        "../x",
        "a/../x",
        "a/./x",
        "a//x",
        "/x",
        "a/",
        "a\x00b",
        "a\nb",
        "a\\b",
        "..",
        ".",
        "%2e%2e/x",
        "a%2Fb",
        "k" * 1025,
        "é" * 513,
    ],
)
def test_names_that_climb_or_hide_are_refused(
    alice: Person, api: Api, var_dir: Path, key: str
) -> None:
    people.bucket(alice)
    response = api(alice).put(
        f"{url()}/{quote(key, safe='')}", b"x", content_type="application/octet-stream"
    )
    assert response.status_code in (400, 404), response.content
    assert stored_files(var_dir) == []


def test_bytes_that_are_no_text_are_no_key(alice: Person, api: Api) -> None:
    people.bucket(alice)
    response = api(alice).put(f"{url()}/a%ff", b"x", content_type="application/octet-stream")
    assert response.status_code == 400
    assert response.json()["error_code"] in ("VALIDATION_FAILED", "BAD_KEY")


def test_one_key_one_spelling(alice: Person, api: Api) -> None:
    people.bucket(alice)
    client = api(alice)
    decomposed, composed = "e\u0301.txt", "\u00e9.txt"
    assert send(client, decomposed, b"1").json()["key"] == composed
    got = client.get(url(composed))
    assert got.status_code == 200, got.content
    assert body(got) == b"1"
    odd = "训练 数据/a+b&c=d #1?.txt"
    assert send(client, odd, b"2").json()["key"] == odd
    assert body(client.get(url(odd))) == b"2"


def test_another_account_sees_what_a_random_name_shows(
    alice: Person, mallory: Person, api: Api
) -> None:
    made = people.bucket(alice)
    people.put(alice, "team1", "x", DATA)
    client = api(mallory)

    def shape(response: object) -> tuple[int, dict[str, object]]:
        found = json.loads(response.content)  # type: ignore[attr-defined]
        found.pop("request_id")
        return response.status_code, found  # type: ignore[attr-defined]

    def put(address: str) -> object:
        return client.put(address, b"1", content_type="application/octet-stream")

    for call in (client.get, put, client.delete):
        theirs = shape(call(url("x")))
        assert theirs == shape(call(url("x", "no-such-bucket")))
        assert theirs == shape(call(url("x", str(made.pk))))
        assert theirs == shape(call(url("x", str(uuid.uuid4()))))
        assert theirs[0] == 404
    assert shape(client.get(url())) == shape(client.get(url("", "no-such-bucket")))
    one = shape(client.get(f"/api/v1/buckets/{made.pk}"))
    assert one == shape(client.get(f"/api/v1/buckets/{uuid.uuid4()}"))
    # The same name in the other account is another bucket.
    people.bucket(mallory, "team1")
    assert client.get(url("x")).status_code == 404
    assert body(api(alice).get(url("x"))) == DATA


def test_nobody_without_a_sign_in(alice: Person, db: None) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "x", DATA)
    for call in (Client().get, Client().put, Client().delete):
        assert call(url("x")).status_code == 401


def test_a_browser_needs_the_csrf_token(alice: Person) -> None:
    people.bucket(alice)
    client = Client(enforce_csrf_checks=True)
    people.sign_in(client, alice)
    page = client.put(url("x"), b"1", content_type="application/octet-stream")
    assert (page.status_code, page.json()["error_code"]) == (403, "FORBIDDEN")


GET, PUT, DELETE = "obs:object:GetObject", "obs:object:PutObject", "obs:object:DeleteObject"
LIST = "obs:bucket:ListBucket"


def test_list_agrees_with_every_decision(
    alice: Person, reader: Callable[..., Person], api: Api
) -> None:
    """Vector V12, over real rows."""
    for name in ("team1", "team10"):
        people.bucket(alice, name)
    keys = ["a/b", "secret/x", "secret/y/z", "secrets", "Secret/x", "open"]
    for key in keys:
        people.put(alice, "team1", key, key.encode())
    people.put(alice, "team10", "a", b"1")
    bob = reader(
        statement("Allow", LIST),
        statement("Allow", GET, resources=["obs:*:*:object:team1/*"]),
        statement("Deny", GET, resources=["obs:*:*:object:team1/secret/*"]),
    )
    client = api(bob)
    listed = {i["key"] for i in client.get(url()).json()["items"]}
    readable = {key for key in keys if client.head(url(key)).status_code == 200}
    assert listed == readable == {"a/b", "secrets", "Secret/x", "open"}
    assert client.get(url(), {"delimiter": "/"}).json()["prefixes"] == ["Secret/", "a/"]
    assert client.get(url("", "team10")).json()["items"] == []
    assert client.get(url("a", "team10")).status_code == 403
    for spelling in ("./secret/x", "secret/./x", "%73ecret/x", "secret//x"):
        path = f"{url()}/{quote(spelling, safe='/')}"
        assert client.get(path).status_code in (400, 403, 404)


def test_a_deny_on_everything_denies_the_listing_and_a_denial_tells_no_names(
    alice: Person, reader: Callable[..., Person], api: Api
) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "x", b"1")
    bob = reader(statement("Allow", GET), statement("Deny", LIST))
    client = api(bob)
    assert client.get(url()).status_code == 403
    assert client.get(url("", "no-such-bucket")).status_code == 403
    writer = reader(statement("Allow", PUT, resources=["obs:*:*:object:team1/in/*"]), name="w")
    client = api(writer)
    assert send(client, "in/x", b"1").status_code == 201
    refused = send(client, "out/x", b"1")
    assert refused.status_code == 403
    assert refused.json()["explanation"]["action"] == PUT
    assert client.get(url("in/x")).status_code == 403


def test_delete_many_asks_about_each(
    alice: Person, reader: Callable[..., Person], api: Api
) -> None:
    people.bucket(alice)
    for key in ("d/1", "d/2", "d/keep/3", "e/1"):
        people.put(alice, "team1", key, b"1")
    bob = reader(
        statement("Allow", LIST, GET, DELETE),
        statement("Deny", DELETE, resources=["obs:*:*:object:team1/d/keep/*"]),
    )
    client = api(bob)
    assert client.delete(url()).json()["error_code"] == "VALIDATION_FAILED"
    done = client.delete(f"{url()}?prefix=d/").json()
    assert (done["deleted"], done["kept_count"]) == (2, 1)
    assert done["kept"][0]["key"] == "d/keep/3"
    left = [i["key"] for i in api(alice).get(url()).json()["items"]]
    assert left == ["d/keep/3", "e/1"]


def test_the_body_is_read_once_and_in_pieces(alice: Person, var_dir: Path) -> None:
    """Ten MiB pass through in pieces of at most one; nothing asks for the whole body."""
    from storage.object import services

    people.bucket(alice)
    asked: list[int] = []

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(-1 if size is None else size)
            return super().read(size)

    data = b"x" * (10 * 1024 * 1024 + 1)
    row = services.put_object(alice.actor, "team1", "big", Stream(data), size=len(data))
    assert row.size == len(data)
    assert row.sha256 == hashlib.sha256(data).hexdigest()
    assert max(asked) <= 1024 * 1024
    assert min(asked) > 0
