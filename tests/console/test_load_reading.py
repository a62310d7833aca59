"""The load benchmark reads pages as a browser would: what it looks for must be in real ones."""

from __future__ import annotations

import argparse
import math

import pytest
from django.test import Client

from benchmarks.load import page, report
from benchmarks.load.page import Shown, route
from benchmarks.load.record import Record, Sample
from registry.model.models import Model
from tests.storage import people

CHOSEN = argparse.Namespace(
    database="sqlite", users=1, jobs=1, predictions=1, growth=1.0, minutes=5.0, warm=0.0
)


@pytest.mark.django_db
def test_links_tables_tabs_and_streams_are_found_in_real_pages() -> None:
    owner = people.root("loadowner")
    for number in range(21):
        Model.objects.create(
            account_id=owner.user.account_id,
            region="cn-north-1",
            name=f"m{number}",
            phase="Published",
            engine="e",
        )
    client = Client()
    people.sign_in(client, owner)
    listed = Shown("/models", client.get("/models").content.decode())
    assert "/training-jobs" in listed.links(page.NAV)
    assert len(listed.links(page.ROW)) == 20
    assert listed.link(page.NEXT) == "/models?page=2"
    assert listed.link(page.TABLE) == "/models"
    assert listed.links(page.STATIC)
    row = listed.links(page.ROW)[0]
    detail = Shown(row, client.get(row).content.decode())
    assert detail.link(page.HEAD) == row
    assert detail.link(page.LIVE) == f"{row}/live"
    assert f"{row}/files" in detail.links(page.TAB)
    assert page.CSRF.search(Client().get("/sign-in").content.decode())


def test_routes_leave_out_ids_and_values() -> None:
    some = "/models/0f8fad5b-d9cb-469f-a165-70867728950e/files"
    assert route(some) == "/models/<id>/files"
    assert route("/models?q=digits&page=2") == "/models?page&q"


def samples(growth: float) -> list[Sample]:
    return [
        Sample(float(at), {"web": 100 + growth * at / 60}, {}, 0.0, {}, 1)
        for at in range(5, 301, 5)
    ]


@pytest.mark.parametrize(("growth", "grows"), [(0.0, False), (0.9, False), (1.2, True)])
def test_memory_that_grows_is_told_by_its_slope(growth: float, grows: bool) -> None:
    found = report.slope(samples(growth), "web")
    assert found == pytest.approx(growth, abs=0.05)
    record = Record()
    record.samples, record.seconds = samples(growth), 300.0
    summary = report.summary(record, CHOSEN)
    assert (summary["growing"], summary["passed"]) == (["web"] if grows else [], not grows)


def test_what_fills_up_is_told_from_what_leaks() -> None:
    filling = [
        Sample(float(at), {"web": 140 + 40 * (1 - math.exp(-at / 45))}, {}, 0.0, {}, 1)
        for at in range(5, 301, 5)
    ]
    assert 0 < (report.slope(filling, "web") or 0) < 1
    leaking = [Sample(s.at, {"web": s.rss["web"] + 2 * s.at / 60}, {}, 0.0, {}, 1) for s in filling]
    assert (report.slope(leaking, "web") or 0) > 2


def test_a_short_run_does_not_judge_growth() -> None:
    assert report.slope([s for s in samples(50.0) if s.at < 150], "web") is None


def test_one_wrong_answer_spoils_the_run() -> None:
    record = Record()
    record.samples, record.seconds = samples(0.0), 300.0
    record.wrong("GET /models: 500")
    assert not report.summary(record, CHOSEN)["passed"]
