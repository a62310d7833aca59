"""A person at a running installation, over real HTTP: types secrets where people type them, right
and wrong, then opens every page that can be reached."""

from __future__ import annotations

import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests

LIMIT = 150  # pages
_FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_LINK = re.compile(r'href="(/[^"#]*)"')
_TOKEN = re.compile(r"my_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}")
_LEAVE = ("/sign-out", "/static/", "/api/", "/live")


@dataclass
class Visitor:
    """One browser's worth of cookies, and what was planted with it."""

    base: str
    planted: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.web = requests.Session()

    def canary(self, kind: str) -> str:
        self.planted[kind] = f"canary-{secrets.token_hex(16)}"
        return self.planted[kind]

    def get(self, path: str) -> requests.Response:
        return self.web.get(urljoin(self.base, path), timeout=300)

    def post(self, path: str, **data: str) -> requests.Response:
        """Submit the form of the page at ``path`` that has these fields, with its hidden ones."""
        forms = _FORM.findall(self.get(path).text)
        mine = [form for form in forms if all(f'name="{name}"' in form for name in data)]
        assert mine, f"no form with {', '.join(data)} on {path}"
        return self.web.post(
            urljoin(self.base, path),
            data={**dict(_HIDDEN.findall(mine[0])), **data},
            headers={"Referer": urljoin(self.base, path)},
            timeout=300,
        )

    def mistypes(self, account: str) -> None:
        """A wrong password; a password in the user's field; an API token nobody issued."""
        wrong = self.post(
            "/sign-in", account=account, user="", password=self.canary("wrong password")
        )
        assert wrong.status_code == 401, wrong.status_code
        slip = self.post("/sign-in", account=account, user=self.canary("as user"), password="x")
        assert slip.status_code == 401, slip.status_code
        bearer = f"my_{'A' * 12}_{secrets.token_urlsafe(32)[:43]}"
        self.planted["unknown bearer"] = bearer[16:]
        refused = requests.get(
            urljoin(self.base, "/api/v1/models"),
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=300,
        )
        assert refused.status_code == 401

    def signs_in(self, account: str, password: str) -> None:
        answer = self.post("/sign-in", account=account, user="", password=password)
        assert answer.status_code == 200, answer.text[:500]
        assert "/sign-in" not in answer.url
        self.planted["session"] = self.session()

    def session(self) -> str:
        """The key of the session, from its cookie."""
        found = [c.value for c in self.web.cookies if "session" in c.name and c.value]
        assert found, "no session"
        return str(found[0])

    def makes_secrets(self, password: str) -> None:
        """An API token, used once, and a new password."""
        made = self.post("/security", name="visitor", days="7")
        token = _TOKEN.search(made.text)
        assert made.status_code == 201, made.text[:500]
        assert token
        used = requests.get(
            urljoin(self.base, "/api/v1/models"),
            headers={"Authorization": f"Bearer {token[0]}"},
            timeout=300,
        )
        assert used.status_code == 200, used.text
        self.planted["API token"] = token[0][16:]
        new = self.canary("new password")
        changed = self.post("/password", old=password, new=new, again=new)
        assert changed.status_code == 200, changed.text[:500]
        assert "/password" not in changed.url, changed.text[:2000]
        self.planted["renewed session"] = self.session()

    def looks_everywhere(self) -> None:
        """Follow links from the home page; answers of the reading kind only."""
        seen = {"/"}
        ahead = deque(["/"])
        while ahead and len(self.pages) < LIMIT:
            path = ahead.popleft()
            answer = self.get(path)
            if "html" not in answer.headers.get("Content-Type", ""):
                continue
            assert answer.status_code < 500, path
            self.pages[path] = answer.text
            for link in _LINK.findall(answer.text):
                plain = urlsplit(link).path
                if plain not in seen and not plain.startswith(_LEAVE):
                    seen.add(plain)
                    ahead.append(plain)
