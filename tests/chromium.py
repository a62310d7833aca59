"""Debian's Chromium for tests: one way to start it, and as patient as every other test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

from tests.waiting import PATIENCE

PROGRAM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]
MILLISECONDS = 1000.0 * PATIENCE


def launch(playwright: Playwright) -> Browser:
    """A browser. The test fails where there is none; ``expect`` waits for PATIENCE from now on."""
    if not PROGRAM.exists():
        pytest.fail("Chromium is not installed: apt-get install chromium")
    expect.set_options(timeout=MILLISECONDS)
    return playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS, timeout=MILLISECONDS)


def context(browser: Browser, **options: Any) -> BrowserContext:
    """A context whose actions wait for PATIENCE. Nothing on its pages moves: without a graphics
    card each picture of an animation is drawn by the processor."""
    made = browser.new_context(**{"reduced_motion": "reduce", **options})
    made.set_default_timeout(MILLISECONDS)
    return made
