"""Who plays: the owner's main account, its developer, and the consumer's main account."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.installation import ROOT, Installation
from tests.browser.people import Person
from tests.engines import SKLEARN

SAMPLES = ROOT / "samples" / "digits"
OWNER, CONSUMER, DEVELOPER = "yard-owner", "yard-consumer", "dev"


def new_password() -> str:
    return secrets.token_urlsafe(18)


@dataclass(slots=True)
class Cast:
    """People are made when the story makes them; each has a browser context of its own."""

    installation: Installation
    browser: Browser
    people: dict[str, Person] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    #: addresses of what the story made: "job", "model", "unit", "service" ...
    made: dict[str, str] = field(default_factory=dict)

    def enter(self, name: str) -> Person:
        """A new browser for somebody."""
        self.people[name] = Person(self.browser, self.installation.url)
        return self.people[name]

    def __getitem__(self, name: str) -> Person:
        assert name in self.people, f"{name} is not there: an earlier step of the story failed"
        return self.people[name]

    def place(self, name: str) -> str:
        """Address of something made earlier."""
        assert name in self.made, f"There is no {name}: an earlier step of the story failed"
        return self.made[name]

    def set_up(self) -> Person:
        """Make the first account by its single-use link; that signs its maker in."""
        owner = self.enter("owner")
        self.passwords["owner"] = new_password()
        owner.page.goto(self.installation.manage("setup_link").splitlines()[-1])
        expect(owner.page.locator("[name=setup_token]")).not_to_have_value("")
        assert "#" not in owner.page.url
        password = self.passwords["owner"]
        owner.fill(account_name=OWNER, password=password, again=password)
        owner.press("Create the account")
        owner.page.wait_for_url(lambda url: "/setup" not in url)
        return owner

    def owner(self) -> Person:
        """The owner, signed in; made now where no story was played before."""
        if "owner" not in self.people:
            self.set_up()
        return self["owner"]

    def close(self) -> None:
        for person in self.people.values():
            person.close()


def make_digits(engines: Path, folder: Path) -> None:
    """Real digits as MNIST files in ``folder/data``, pictures to try in ``folder/heldout``."""
    python = engines / SKLEARN / "bin" / "python"
    subprocess.run([python, SAMPLES / "make_digits.py", folder], check=True, timeout=120)
