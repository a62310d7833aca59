"""Silly query strings on every list, page and stream: refused or taken, never an error."""

from __future__ import annotations

from typing import Any

import pytest

from tests.badinput.uniform import page, refusal
from tests.doors import knock
from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
LISTS = (
    "buckets", "datasets", "dataset-versions", "models", "services", "training-jobs", "users",
    "groups", "policies", "agencies", "share-units", "share-invitations", "audit-records",
)  # fmt: skip
#: for lists of the API: what must be refused, by the parameter that the refusal names
REFUSED = {
    "?limit=1e9": "limit", "?limit=0": "limit", "?limit=-1": "limit", "?limit=101": "limit",
    "?limit=%D9%A3": "limit", "?limit=999999999999999999999": "limit", "?offset=-1": "offset",
    "?offset=1000001": "offset", "?limit=1000000001": "limit", "?sort=password": "sort",
    "?sort=account__name": "sort", "?sort=-": "sort", "?sort=;drop": "sort",
    "?scope=everything": "scope", "?q=%00": "q", "?%00=1": r"\x00", "?q=a%1B[31m": "q",
    "?=": "", "?q[]=1&q[]=2": "q[]", "?page=-1": "page", "?unknown=1": "unknown",
    "?id__gt=0": "id__gt", "?account_id=1": "account_id", "?fmt=html": "fmt", "?limit=5&x=1": "x",
}  # fmt: skip
#: what is empty or finds nothing
TAKEN = (
    "?", "?&&&", "?q=%FF%FE", "?q=a&q=b", "?q=%25%5C%27%22%3B--", "?q=_%25",
    "?q=%F0%9F%A6%84%E2%80%AE", "?limit=", "?region=%2e%2e",
)  # fmt: skip


def api(world: World, slug: str, query: str) -> Any:
    return world.client("root", api=True).get(f"/api/v1/{slug}{query}")


@pytest.mark.parametrize("query", REFUSED)
def test_refused_by_every_list(world: World, query: str) -> None:
    for slug in LISTS:
        if slug == "audit-records" and REFUSED[query] in ("sort", "scope"):
            continue  # it has one order and no shares
        body = refusal(api(world, slug, query), 400)
        assert REFUSED[query] in [p["field"] for p in body["problems"]], (slug, body)


@pytest.mark.parametrize("query", TAKEN)
def test_taken_by_every_list(world: World, query: str) -> None:
    for slug in LISTS:
        if slug == "audit-records" and query.startswith(("?q", "?region")):
            continue  # it has neither
        answer = api(world, slug, query)
        assert answer.status_code == 200, (slug, answer.content[:300])
        assert answer["Content-Type"] == "application/json"


def test_format_is_a_filter_and_chooses_no_renderer(world: World) -> None:
    assert refusal(api(world, "buckets", "?format=api"), 400)["problems"][0]["field"] == "format"
    assert api(world, "datasets", "?format=files").json()["total"] == 1
    assert api(world, "datasets", "?format=idx").json()["total"] == 0
    assert refusal(api(world, "datasets", "?format=html"), 400)["problems"][0]["field"] == "format"


def test_long_and_many(world: World) -> None:
    for slug in LISTS:
        answer = api(world, slug, f"?q={'x' * 5000}")
        assert refusal(answer, 400)["problems"][0]["field"] == "q"
        many = "?" + "&".join(f"a{n}=1" for n in range(600))
        assert refusal(api(world, slug, many), 400)["error_code"] == "TOO_MANY_FIELDS"


PAGES = (
    "?page=-1", "?page=0", "?page=1e9", "?page=99999999999999999999", "?page=%D9%A3", "?page=",
    "?sort=password", "?sort=-account__name", "?scope=x", "?q=%FF", "?q=%27%22%3Cscript%3E",
    "?q[]=1", "?tab=x", "?prefix=../..", "?marker=%2F%2F", "?prefix=a/%2e%2e/b", "?delimiter=x",
    "?offset=-5", "?offset=1e99", "?offset=99999999999999999999", "?plot=x", "?attempt=x",
    "?attempt=99999999999999999999", "?split=x", "?index=-1", "?label=x", "?n=99999999999999",
    "?instance=../../etc", "?name=%3Cb%3E&account=1&model=x&dataset=x", "?user=x&principal=x",
)  # fmt: skip


def test_every_page_takes_silly_queries(world: World) -> None:
    """Every address of the console that is read: no error of ours, no echo of markup."""
    wrong, seen = [], 0
    client = world.client("root", api=False)
    doors = {d.path: d for d in knock.doors(world) if not d.api and d.method == "get"}
    for number, (path, door) in enumerate(sorted(doors.items())):
        if path.endswith("/live"):
            continue  # a stream that reads no query; it closes its connection to the database
        for query in [PAGES[(number * 7 + step * 11) % len(PAGES)] for step in range(2)]:
            answer = client.get(path + query)
            seen += 1
            content = b"".join(answer) if answer.streaming else answer.content
            if answer.status_code >= 500 or b"<script>" in content.lower().replace(b" ", b""):
                wrong.append((door.name, query, answer.status_code, content[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert seen > 200


@pytest.mark.parametrize("path", ["/", "/search", "/audit", "/buckets", "/sign-in", "/models/new"])
def test_pages_refuse_what_is_no_text(world: World, path: str) -> None:
    for query in ("?q=%00", "?a%00b=1", "?q=%1B%5B31m", "?page=%00"):
        assert "control character" in page(world.client("root", api=False).get(path + query), 400)


def test_pages_refuse_forms_that_are_no_text(world: World) -> None:
    for path in ("/buckets/new", "/region", f"/buckets/{world.ids['buckets']}/tags/save"):
        answer = world.client("root", api=False).post(path, {"name": "a\0b", "region": "\0"})
        assert "control character" in page(answer, 400)


def test_unknown_addresses_and_methods_of_pages(world: World) -> None:
    for who in ("anonymous", "root"):
        client = world.client(who, api=False)
        page(client.get("/no/such/page"), 404)
        page(client.get("/buckets/7"), 404)
        page(client.get("/%2e%2e/%2e%2e/etc/passwd"), 404)
    client = world.client("root", api=False)
    for method, path in (("PUT", "/buckets"), ("POST", "/search"), ("GET", "/region")):
        answer = client.generic(method, path)
        assert "error-card" in page(answer, 405)
        assert answer["Allow"]


def test_a_form_of_five_megabytes(world: World) -> None:
    answer = world.client("root", api=False).post("/groups/new", {"name": "x" * 5_000_000})
    assert "larger than" in page(answer, 413)


def test_a_form_of_a_thousand_fields(world: World) -> None:
    fields = {f"field{n}": "x" for n in range(1000)}
    answer = world.client("root", api=False).post("/groups/new", fields)
    assert "more than 500" in page(answer, 400)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name="),
        ("multipart/form-data; boundary=\xe9", b"--x--"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"name=a"),
        ("application/x-www-form-urlencoded; charset=no-such", b"name=a"),
        ("application/json", b'{"name": "a"}'),
        ("text/plain", b"name=a"),
        ("", b"\xff\xfe\x00"),
    ],
)
def test_forms_that_are_none(world: World, kind: str, data: bytes) -> None:
    """The page comes back or an error page does; nothing is made."""
    answer = world.client("root", api=False).generic("POST", "/groups/new", data, content_type=kind)
    page(answer, 400, 415)
