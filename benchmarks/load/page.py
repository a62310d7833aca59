"""What a browser would find in a page: links to click, and what its scripts would ask for."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NAV = re.compile(r'<a href="([^"]+)" class="sidebar-link')
ROW = re.compile(r'cell-title[^"]*"><a href="([^"]+)"')
NEXT = re.compile(r'rel="next" href="([^"]+)"')
TAB = re.compile(r'<a href="([^"]+)" class="tab[ "]')
TABLE = re.compile(r'id="object-table"[^>]*?hx-get="([^"]+)"[^>]*>')
HEAD = re.compile(r'id="detail-head"[^>]*?hx-get="([^"]+)"')
LIVE = re.compile(r'data-live-url="([^"]+)"')
CHART = re.compile(r'<figure [^>]*?data-chart data-url="([^"]+)"([^>]*)>')
LOG = re.compile(r'<section [^>]*?data-log data-url="([^"]+)"([^>]*)>')
ENGINES = re.compile(r'hx-get="([^"]+)" hx-trigger="every 2s"')
EVERY = re.compile(r'data-every="(\d+)"')
STATIC = re.compile(r'(?:src|href|content)="(/static/[^"#]+)')
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it came."""

    url: str  # path and query
    text: str

    def links(self, pattern: re.Pattern[str]) -> list[str]:
        """Addresses that the pattern finds, as absolute paths, each once."""
        found = (html.unescape(link) for link in pattern.findall(self.text))
        return list(dict.fromkeys(urljoin(self.url, link) for link in found))

    def link(self, pattern: re.Pattern[str]) -> str:
        return next(iter(self.links(pattern)), "")

    def parts(self, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
        """(address, attributes) of charts or logs."""
        return [
            (urljoin(self.url, html.unescape(url)), rest)
            for url, rest in pattern.findall(self.text)
        ]

    @property
    def polls(self) -> bool:
        """Whether its table asks again every few seconds."""
        return "data-poll" in self.text and not self.link(LIVE)


def route(url: str) -> str:
    """The route of an address: ids and values of the query left out."""
    parts = urlsplit(url)
    path = ID.sub("<id>", parts.path)
    keys = sorted({pair.partition("=")[0] for pair in parts.query.split("&") if pair})
    shown = [key for key in keys if key in ("page", "q", "scope", "sort", "phase", "prefix")]
    return f"{path}?{'&'.join(shown)}" if shown else path
