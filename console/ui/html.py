"""Small pieces of HTML, built in Python because a list draws hundreds of them.

Every function returns a SafeString and escapes what it is given. The same pieces are template
tags of the same name (console/ui/templatetags/ui.py), so cells made in Python and pages made in
templates look alike. No piece carries a style attribute: the content security policy forbids it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.ui import format as fmt
from console.ui.icons import FALLBACK, ICONS
from core import codes

SPRITE = "vendor/tabler-icons-3.51.0/sprite.svg"
TONES = ("green", "blue", "yellow", "red", "grey", "purple")
_TONE_ICONS = {
    "green": "circle-check",
    "blue": "progress",
    "yellow": "alert-triangle",
    "red": "circle-x",
    "grey": "circle-minus",
    "purple": "clock-hour-4",
}
_AVATAR_TONES = 6
_TICKED = re.compile(r"`([^`\n]+)`")

log = logging.getLogger(__name__)


def pick(source: Any, name: str, default: Any = None) -> Any:
    """Value of a key or an attribute: contexts hand over both dicts and dataclasses."""
    if isinstance(source, Mapping):
        return source.get(name, default)
    return getattr(source, name, default)


def ticked(text: Any) -> SafeString:
    """Text whose `names` in backticks are set as code; everything else is escaped."""
    if isinstance(text, SafeString):
        return text
    parts = _TICKED.split(str(codes.told(text)))  # every second one stood in backticks
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if at % 2 else part,)
            for at, part in enumerate(parts)
        ),
    )


def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """Icon of the sprite. Decoration unless `label` names it for a screen reader."""
    if name not in ICONS:
        log.warning("Icon `%s` is not in the sprite; add it to console/ui/icons.txt.", name)
        name = FALLBACK
    return _icon(name, str(label), css)


@lru_cache(maxsize=1024)
def _icon(name: str, label: str, css: str) -> SafeString:
    """A page draws some fifty icons, a few different ones: each is built once per process."""
    speech = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else format_html('aria-hidden="{}"', "true")
    )
    return format_html(
        '<svg class="i {}" {} focusable="false"><use href="{}#{}"></use></svg>',
        css,
        speech,
        static(SPRITE),
        name,
    )


def time(value: datetime | date | None) -> SafeString:
    """Relative time, the exact one on hover; an open page keeps it fresh."""
    if value is None:
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    if not isinstance(value, datetime):
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), fmt.relative_time(value)
        )
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        value.isoformat(),
        fmt.exact_time(value),
        fmt.relative_time(value),
    )


def size(count: int | None) -> SafeString:
    """Bytes with a unit, the exact count on hover."""
    if count is None:
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    return format_html(
        '<span class="num" title="{}">{}</span>',
        _("%(n)s bytes") % {"n": fmt.number_text(count)},
        fmt.bytes_text(count),
    )


def duration(value: timedelta | float | int | None) -> SafeString:
    """Length of time."""
    return format_html('<span class="num">{}</span>', fmt.duration_text(value))


def status_chip(status: Any, *, full: bool = False) -> SafeString:
    """Word, icon, colour and age of a state; with `full` also its reason and next step.

    `status`: {"phase", "label", "secondary", "tone", "icon", "live", "since", "reason", "message",
    "next", "observed_at", "stale"}; only "label" is required. None draws a dash.
    """
    if not status:
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    tone = pick(status, "tone") or "grey"
    if tone not in TONES:
        tone = "grey"
    stale = bool(pick(status, "stale"))
    observed = pick(status, "observed_at")
    since = pick(status, "since") or observed
    secondary = pick(status, "secondary") or ""
    if secondary in (pick(status, "phase"), pick(status, "label")):
        secondary = ""  # a job runs, and what it does while it runs is running
    message = pick(status, "message") or ""
    hover = [str(codes.told(message))] if message else []
    if isinstance(observed, datetime):
        hover.append(_("Observed %(time)s") % {"time": fmt.exact_time(observed)})
    if stale:
        hover.append(_("This state has not been confirmed lately."))
    age: SafeString | str = ""
    if isinstance(since, datetime):
        age = format_html(
            '<time class="chip-age" datetime="{}" data-age>{}</time>',
            since.isoformat(),
            fmt.age_text(since),
        )
    chip = format_html(
        '<span class="chip chip-{}{}{}" data-phase="{}" title="{}">{}<span>{}{}</span>{}{}</span>',
        tone,
        " chip-live" if pick(status, "live") else "",
        " chip-stale" if stale else "",
        pick(status, "phase") or "",
        " \N{MIDDLE DOT} ".join(hover),
        icon(pick(status, "icon") or _TONE_ICONS[tone]),
        pick(status, "label") or pick(status, "phase") or "",
        format_html(' <span class="chip-second">{}</span>', secondary) if secondary else "",
        age,
        icon("alert-triangle", _("Not confirmed lately")) if stale else "",
    )
    if not full:
        return chip
    lines = [text for text in (message, pick(status, "next")) if text]
    if not lines:
        return chip
    return format_html(
        '<div class="status-full">{}<div class="status-lines">{}</div></div>',
        chip,
        format_html_join("", "<div>{}</div>", ((ticked(line),) for line in lines)),
    )


def chip(label: str, tone: str = "grey", icon_name: str = "") -> SafeString:
    """Small coloured word that is not a state: a kind, a flag, a role."""
    return format_html(
        '<span class="chip chip-{}">{}<span>{}</span></span>',
        tone if tone in TONES else "grey",
        icon(icon_name) if icon_name else "",
        label,
    )


def copyable(text: Any, label: str = "", *, shown: Any = None) -> SafeString:
    """Text with a copy button. `shown` replaces what is drawn, `text` is what is copied."""
    if text in (None, ""):
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    return format_html(
        '<span class="copyable"><code title="{0}">{1}</code>{2}</span>',
        text,
        text if shown is None else shown,
        copy_button(text, label),
    )


def copy_button(text: Any, label: str = "") -> SafeString:
    """A button that copies `text`."""
    return format_html(
        '<button type="button" class="btn-ghost" data-copy="{0}" aria-label="{1}" title="{1}">{2}'
        "</button>",
        text,
        label or _("Copy"),
        icon("copy"),
    )


def digest(value: str | None) -> SafeString:
    """First twelve digits of a hash; the whole of it on hover and on copy."""
    short = value.removeprefix("sha256:")[:12] if value else None
    return copyable(value, _("Copy digest"), shown=short)


def avatar(name: str) -> SafeString:
    """Initials on a quiet colour that depends on the name alone."""
    words = [word for word in str(name).replace("_", " ").replace("-", " ").split() if word]
    initials = "".join(word[0] for word in words[:2]).upper() or "?"
    tone = sum(ord(letter) for letter in str(name)) % _AVATAR_TONES
    return format_html(
        '<span class="avatar-initials avatar-tone-{}" aria-hidden="true">{}</span>', tone, initials
    )


def person(name: str | None) -> SafeString:
    """Avatar and name."""
    if not name:
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    return format_html('<span class="person">{}<span>{}</span></span>', avatar(name), name)


def progress(value: float | int | None, limit: float | int = 100, label: str = "") -> SafeString:
    """Progress bar with its percent; value None draws the moving bar of unknown length."""
    if value is None:
        return format_html(
            '<span class="meter"><progress aria-label="{}"></progress></span>',
            label or _("In progress"),
        )
    share = fmt.percent(value, limit)
    return format_html(
        '<span class="meter"><progress value="{0}" max="100" aria-label="{1}">{0}%</progress>'
        '<span class="num">{0}%</span></span>',
        share,
        label or _("Progress"),
    )


def tags(items: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> SafeString:
    """Tags of a resource as key=value chips."""
    pairs = list(items.items()) if isinstance(items, Mapping) else list(items or ())
    if not pairs:
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    return format_html(
        '<span class="tag-list">{}</span>',
        format_html_join(
            "",
            '<span class="tag-pair"><span>{}</span><span>{}</span></span>',
            ((key, value) for key, value in pairs),
        ),
    )


def value(thing: Any) -> SafeString:
    """Any value of a column or a fact, as it should look; a SafeString passes unchanged."""
    if isinstance(thing, SafeString):
        return thing
    if thing is None or thing == "" or thing == [] or thing == ():
        return format_html('<span class="text-secondary">{}</span>', fmt.DASH)
    if isinstance(thing, bool):
        return chip(_("yes"), "green", "check") if thing else chip(_("no"), "grey", "minus")
    if isinstance(thing, datetime | date):
        return time(thing)
    if isinstance(thing, timedelta):
        return duration(thing)
    if isinstance(thing, int | float):
        return format_html('<span class="num">{}</span>', fmt.number_text(thing))
    if isinstance(thing, Mapping):
        return tags({str(key): str(item) for key, item in thing.items()})
    if isinstance(thing, list | tuple | set | frozenset):
        return format_html_join(", ", "{}", ((str(item),) for item in thing))
    return format_html("{}", thing)
