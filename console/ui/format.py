"""Numbers and times as people read them. Pure functions, no HTML."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

DASH = "\N{EN DASH}"
_NBSP = "\N{NO-BREAK SPACE}"
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def bytes_text(count: int | None) -> str:
    """Size in bytes with a binary unit: 1536 -> "1.5 KiB"; None -> a dash."""
    if count is None:
        return DASH
    value = float(count)
    for unit in _BYTE_UNITS:
        if abs(value) < 1024 or unit == _BYTE_UNITS[-1]:
            break
        value /= 1024
    digits = 0 if unit == "B" or abs(value) >= 100 else 1
    return f"{formats.number_format(value, digits)}{_NBSP}{unit}"


#: word in the header -> name; Edge and Opera name Chrome too, Chrome names Safari too
_BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "HeadlessChrome": "Chromium",
    "Chromium": "Chromium",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def browser_text(agent: str) -> str:
    """A browser's own header as `Chromium on Linux`; what is not known is shown as it came."""
    browser = next((name for word, name in _BROWSERS.items() if word in agent), "")
    system = next((name for word, name in _SYSTEMS.items() if word in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or (agent[:60] if agent else DASH)


def number_text(value: float | int | None) -> str:
    """Number with separators; fractions keep four significant digits; None -> a dash."""
    if value is None:
        return DASH
    if isinstance(value, int) or float(value).is_integer():
        return formats.number_format(int(value), 0, force_grouping=True)
    return f"{value:.4g}"


def duration_text(value: timedelta | float | int | None) -> str:
    """Length of time, two units at most: 3725 s -> "1 h 2 min"; None -> a dash."""
    if value is None:
        return DASH
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0:
        return DASH
    if seconds < 1:
        return _("%(n)d ms") % {"n": round(seconds * 1000)}
    if seconds < 10:
        return _("%(n)s s") % {"n": formats.number_format(seconds, 1)}
    whole = round(seconds)
    if whole < 60:
        return _("%(n)s s") % {"n": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("%(m)d min %(s)d s") % {"m": minutes, "s": rest}
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    days, hours = divmod(hours, 24)
    return _("%(d)d d %(h)d h") % {"d": days, "h": hours}


def exact_time(value: datetime) -> str:
    """Date and time to the second in the current zone, with the zone's name."""
    local = timezone.localtime(value)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def relative_time(value: datetime | date | None, now: datetime | None = None) -> str:
    """Distance from now in one unit, both directions; beyond 30 days the date itself.

    static/console/time.js speaks the same words while the page stays open; keep both in step.
    """
    if value is None:
        return DASH
    if not isinstance(value, datetime):
        return formats.date_format(value)
    seconds = ((now or timezone.now()) - value).total_seconds()
    past, distance = seconds >= 0, abs(seconds)
    if distance < 10:
        return _("just now")
    if distance < 60:
        count = int(distance)
        ago = ngettext("%(n)d second ago", "%(n)d seconds ago", count)
        ahead = ngettext("in %(n)d second", "in %(n)d seconds", count)
    elif distance < 3600:
        count = int(distance // 60)
        ago = ngettext("%(n)d minute ago", "%(n)d minutes ago", count)
        ahead = ngettext("in %(n)d minute", "in %(n)d minutes", count)
    elif distance < 86400:
        count = int(distance // 3600)
        ago = ngettext("%(n)d hour ago", "%(n)d hours ago", count)
        ahead = ngettext("in %(n)d hour", "in %(n)d hours", count)
    elif distance < 30 * 86400:
        count = int(distance // 86400)
        ago = ngettext("%(n)d day ago", "%(n)d days ago", count)
        ahead = ngettext("in %(n)d day", "in %(n)d days", count)
    else:
        return f"{timezone.localtime(value):%Y-%m-%d}"
    return (ago if past else ahead) % {"n": count}


def age_text(value: datetime | None, now: datetime | None = None) -> str:
    """Age in the shortest form, for chips and tight columns: "45 s", "3 min", "2 h", "9 d"."""
    if value is None:
        return ""
    seconds = max(0, int(((now or timezone.now()) - value).total_seconds()))
    if seconds < 60:
        return _("%(n)s s") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)d min") % {"n": seconds // 60}
    if seconds < 86400:
        return _("%(n)d h") % {"n": seconds // 3600}
    return _("%(n)d d") % {"n": seconds // 86400}


def percent(part: float | int | None, whole: float | int | None) -> int:
    """Whole percent between 0 and 100; 0 when there is nothing to divide by."""
    if not part or not whole:
        return 0
    return max(0, min(100, round(100 * part / whole)))
