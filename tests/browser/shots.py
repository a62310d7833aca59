"""Take the screenshots of ``docs/screenshots`` from a running demonstration.

    ./run --demo --var /tmp/shots                      (in another terminal)
    python -m tests.browser.shots --base-url http://127.0.0.1:8000 --var /tmp/shots

Signs in as the demonstration's people with the passwords in ``VAR/demo.json``, trains once more to
show a job at work, and shares the model again to show an invitation.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from tests import chromium
from tests.browser.cast import make_digits
from tests.browser.installation import ROOT
from tests.browser.people import WORK, Person

OUT = ROOT / "docs" / "screenshots"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
EPOCHS = 900
"""Long enough to be looked at from six windows."""


@dataclass(slots=True)
class Studio:
    """Where the pictures are taken, and by whom."""

    browser: Browser
    url: str
    people: dict[str, dict[str, Any]]
    out: Path
    work: Path

    def sit_down(self, who: str, *, dark: bool = False, phone: bool = False) -> Person:
        """Somebody signed in, at a desk or with a phone, by day or by night."""
        person = Person(
            self.browser,
            self.url,
            viewport=PHONE if phone else DESK,
            color_scheme="dark" if dark else "light",
            device_scale_factor=2 if phone else 1,
        )
        known = self.people[who]
        person.sign_in(known["account"], known["password"], known["user"])
        return person

    def take(self, person: Person, name: str) -> None:
        """What the window shows now, once fonts and moving parts are still."""
        person.page.evaluate("document.fonts.ready")
        still = "Promise.all(document.getAnimations().map((one) => one.effect.getComputedTiming()"
        still += ".iterations === Infinity ? null : one.finished))"
        person.page.evaluate(still)
        person.page.screenshot(path=self.out / f"{name}.png")


def main() -> None:
    command = argparse.ArgumentParser(description="Screenshots from a running demonstration.")
    command.add_argument("--base-url", default="http://127.0.0.1:8000")
    command.add_argument("--var", type=Path, default=ROOT / "var", help="its data folder")
    command.add_argument("--engines", type=Path, help="VAR/engines")
    command.add_argument("--out", type=Path, default=OUT)
    given = command.parse_args()
    people = json.loads((given.var / "demo.json").read_text())["people"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make_digits(given.engines or given.var / "engines", Path(folder))
        studio = Studio(
            chromium.launch(playwright), given.base_url, people, given.out, Path(folder)
        )
        training(studio)
        things(studio)
        sharing(studio)
        serving(studio)


def training(studio: Studio) -> None:
    """A job at work: plots, log, the same on a phone, and the home page meanwhile."""
    developer = studio.sit_down("developer")
    page = developer.open("/training-jobs/new")
    page.locator("[name=dataset_version]").select_option(index=1)
    bucket = page.locator("[name=code_bucket]").input_value()
    developer.fill(
        name=f"digits-{time.strftime('%H%M%S')}",
        description="Handwritten digits with scikit-learn",
        code_prefix="mnist-code/",
        hyperparameters=f"epochs={EPOCHS}",
        outputs=f"train_url=obs://{bucket}/mnist-output-{time.time_ns()}/",
    )
    developer.press("Create")
    developer.chip("Running", WORK)
    job = developer.path
    developer.open(f"{job}/logs")
    expect(page.locator("#job-log")).to_contain_text("epoch=40 ", timeout=WORK)
    studio.take(developer, "training-log")
    developer.open(f"{job}/metrics")
    plots_drawn(developer)
    studio.take(developer, "training-metrics")
    phone = studio.sit_down("developer", phone=True)
    phone.open(f"{job}/metrics")
    plots_drawn(phone)
    studio.take(phone, "training-metrics-mobile")
    for dark, name in ((False, "dashboard"), (True, "dashboard-dark")):
        owner = studio.sit_down("owner", dark=dark)
        owner.open("/")
        studio.take(owner, name)
        owner.close()
    developer.chip("Running")
    for person in (developer, phone):
        person.close()
    owner = studio.sit_down("owner")
    owner.open(f"{job}/do/stop")
    owner.press("Stop")
    owner.close()


def plots_drawn(person: Person) -> None:
    plots = person.page.locator("[data-chart] canvas")
    expect(plots.first).to_be_visible(timeout=WORK)
    for plot in plots.all():
        expect(plot).to_be_visible()


def things(studio: Studio) -> None:
    """What the owner has: samples, a model, the trail, and the models on a phone."""
    owner = studio.sit_down("owner")
    page = owner.open("/datasets")
    page.locator(".data-table .cell-title a").first.click()
    page.get_by_role("link", name="Samples").click()
    for picture in page.locator(".image-grid img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    page.evaluate("scrollTo(0, 0)")
    studio.take(owner, "dataset-samples")
    owner.open("/models")
    page.locator(".data-table .cell-title a").first.click()
    owner.chip("Published")
    studio.take(owner, "model")
    owner.open("/audit?q=digits")  # without the many times this script signed in
    studio.take(owner, "audit")
    owner.open("/quotas")
    studio.take(owner, "quotas")
    owner.open("/pools")
    studio.take(owner, "pools")
    owner.close()
    phone = studio.sit_down("owner", phone=True)
    phone.open("/models")
    studio.take(phone, "models-mobile")
    phone.close()


def sharing(studio: Studio) -> None:
    """The owner shares the model again; the consumer reads the invitation and accepts."""
    owner, consumer = studio.sit_down("owner"), studio.sit_down("consumer")
    page = owner.open("/models")
    page.locator(".data-table .cell-title a").first.click()
    owner.follow("Share")
    owner.fill(
        name=f"digits-{time.strftime('%H%M%S')}",
        description="For the reading room",
        principals=studio.people["consumer"]["account_id"],
    )
    owner.press("Review")
    owner.press("Share")
    page.wait_for_url(re.compile(r"/share-units/[0-9a-f-]{36}$"))
    unit = owner.path
    consumer.open("/share-invitations")
    consumer.page.locator("[data-invitation] .card-title a").first.click()
    consumer.chip("PENDING")
    studio.take(consumer, "share-invitation")
    consumer.press("Accept")
    consumer.chip("ACCEPTED")
    owner.open(unit)
    studio.take(owner, "share-unit")
    owner.close()
    consumer.close()


def serving(studio: Studio) -> None:
    """The consumer's service reads a digit it has never seen."""
    labels = json.loads((studio.work / "heldout" / "labels.json").read_text())
    name, digit = sorted(labels.items())[7]
    for dark, title in ((False, "service-predict"), (True, "service-predict-dark")):
        consumer = studio.sit_down("consumer", dark=dark)
        page = consumer.open("/services")
        page.locator(".data-table .cell-title a").first.click()
        consumer.chip("Running")
        page.get_by_role("link", name="Predict").click()
        page.locator("#predict input[type=file]").set_input_files(studio.work / "heldout" / name)
        consumer.press("Predict")
        answer = page.locator("#predict [data-predict-top]")
        expect(answer).to_have_text(re.compile(rf"^\s*{digit}"))
        studio.take(consumer, title)
        consumer.close()


if __name__ == "__main__":
    main()
