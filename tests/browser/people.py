"""A person at a browser: signs in, opens pages, fills forms, and notices what goes wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import chromium

WORK = 420_000.0
"""Milliseconds that a job or a model server has to get where it should, on two busy cores."""
DROP = """(area, files) => {
  const carried = new DataTransfer();
  for (const [name, bytes] of files) {
    const raw = Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0));
    carried.items.add(new File([raw], name));
  }
  area.dispatchEvent(new DragEvent("dragenter", { dataTransfer: carried, bubbles: true }));
  area.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true }));
}"""
"""Drops files, given as pairs of name and base64 bytes, on an element."""


class Person:
    """One browser context with one page, and everything the browser complained about."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        context = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **context}
        self.url = url
        self.context: BrowserContext = chromium.context(browser, base_url=url, **context)
        self.complaints: list[str] = []
        self.refusals: list[int] = []
        self.page: Page = self.tab()
        self.account_id = ""

    def tab(self) -> Page:
        """A further tab of the same browser."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._console(page, message))
        page.on("response", lambda response: self._response(response))
        return page

    def _console(self, page: Page, message: Any) -> None:
        # A page that was refused says so in the console too; test_story looks at the page itself.
        refused = "Failed to load resource: the server responded with a status of 4"
        if message.type == "error" and not message.text.startswith(refused):
            self.complaints.append(f"{page.url}: {message.text}")

    def _response(self, response: Any) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")
        elif response.status >= 400:
            self.refusals.append(response.status)

    def close(self) -> None:
        self.context.close()

    # -- pages -------------------------------------------------------------------------------

    def open(self, path: str) -> Page:
        """Go to an address of the console. Raises AssertionError for a page that is an error."""
        answer = self.page.goto(path)
        assert answer is not None and answer.ok, f"{path}: {answer and answer.status}"
        return self.page

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def heading(self, text: str) -> None:
        """Wait until the page is the one with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def press(self, name: str) -> None:
        """Press the button of the page, not one of the frame around it."""
        self.page.locator("main").get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow a link of the page."""
        self.page.locator("main").get_by_role("link", name=name, exact=True).first.click()

    def fill(self, **values: str) -> None:
        """Fill controls by their names."""
        for name, value in values.items():
            control = self.page.locator(f"main [name={name}]")
            if control.first.evaluate("e => e.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)

    def chip(self, phase: str, timeout: float = chromium.MILLISECONDS) -> None:
        """Wait until the status beside the heading says so, without asking for the page again."""
        expect(self.page.locator(f"h1 [data-phase='{phase}']")).to_be_visible(timeout=timeout)

    # -- signing in and out ------------------------------------------------------------------

    def sign_in(self, account: str, password: str, user: str = "") -> None:
        """Fill the sign-in form; where it leads is the caller's to say."""
        self.page.goto("/sign-in")
        self.fill(account=account, user=user, password=password)
        self.press("Sign in")
        self.page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")

    def first_password(self, old: str, new: str) -> None:
        """The forced change of a temporary password."""
        self.heading("Change password")
        self.fill(old=old, new=new, again=new)
        self.press("Change password")
        self.page.wait_for_url(lambda url: urlsplit(url).path != "/password")

    def sign_out(self) -> None:
        self.page.locator(".account-button").click()
        self.page.get_by_role("button", name="Sign out").click()
        self.heading("Sign in")
