"""`{% load ui %}`: the components of the design system.

Pieces drawn many times per page come from console.ui.html; larger ones are templates below
templates/ui/, each headed by its context. docs/mechanisms/pages.md shows them all in use.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms, template
from django.core.serializers.json import DjangoJSONEncoder
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.ui import format as fmt
from console.ui import html

register = template.Library()

register.simple_tag(html.icon, name="icon")
register.simple_tag(html.time, name="time")
register.simple_tag(html.size, name="size")
register.simple_tag(html.duration, name="duration")
register.simple_tag(html.status_chip, name="status_chip")
register.simple_tag(html.chip, name="chip")
register.simple_tag(html.copyable, name="copyable")
register.simple_tag(html.digest, name="digest")
register.simple_tag(html.avatar, name="avatar")
register.simple_tag(html.person, name="person")
register.simple_tag(html.progress, name="progress")
register.simple_tag(html.tags, name="tag_list")
register.filter("number", fmt.number_text)
register.filter("value", html.value)
register.filter("bytes", fmt.bytes_text)
register.filter("browser", fmt.browser_text)
register.filter("ticked", html.ticked)

_CHART_HEIGHTS = range(120, 481, 40)


@register.filter
def css_level(level: str) -> str:
    """Class of a message or banner level: Django's and our own words to four looks."""
    return {
        "error": "red",
        "danger": "red",
        "critical": "red",
        "warning": "yellow",
        "success": "green",
        "ok": "green",
    }.get(str(level).split(" ")[-1], "blue")


@register.filter
def level_icon(level: str) -> str:
    """Icon that goes with `css_level`."""
    return {
        "red": "alert-octagon",
        "yellow": "alert-triangle",
        "green": "circle-check",
    }.get(css_level(level), "info-circle")


@register.filter
def widget_kind(field: forms.BoundField) -> str:
    """How a field is laid out: "check", "choices", "select", "file", "area" or "input"."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return "check"
    # CheckboxSelectMultiple is a RadioSelect to Django, SelectMultiple is not.
    if isinstance(widget, forms.RadioSelect):
        return "choices"
    if isinstance(widget, forms.Select):
        return "select"
    if isinstance(widget, forms.FileInput):
        return "file"
    if isinstance(widget, forms.Textarea):
        return "area"
    return "input"


@register.simple_tag
def widget(field: forms.BoundField, small: bool = False) -> SafeString:
    """The field's control with the classes of the design system and its error state."""
    kind = widget_kind(field)
    base = {"check": "form-check-input", "select": "form-select", "choices": ""}.get(
        kind, "form-control"
    )
    css = [base] if base else []
    if small and base in ("form-select", "form-control"):
        css.append(f"{base}-sm")
    if field.errors:
        css.append("is-invalid")
    own = field.field.widget.attrs.get("class", "")
    attributes: dict[str, str | bool] = {"class": " ".join([own, *css]).strip()}
    return field.as_widget(attrs=attributes)


@register.filter
def entries(source: Any) -> list[Any]:
    """The "items" of a panel, group or section; pairs become {"text", "url"}.

    In a template `group.items` of a dict without that key would be the dict's own method.
    """
    found = html.pick(source, "items") or ()
    return [
        {"text": item[0], "url": item[1]} if isinstance(item, tuple) else item for item in found
    ]


@register.filter
def get(source: Any, name: str) -> Any:
    """Key or attribute; unlike `source.copy` it never finds a method of a dict."""
    return html.pick(source, name)


@register.filter
def some(rows: Any, name: str) -> bool:
    """Whether at least one of the rows has something under that name."""
    return any(html.pick(row, name) for row in rows)


@register.filter
def at(sequence: Any, index: int) -> Any:
    """Element of a list, or None beyond its end."""
    return sequence[index] if sequence and 0 <= index < len(sequence) else None


@register.simple_tag(takes_context=True)
def draw(context: template.Context, part: Any) -> SafeString:
    """Render a part that brings its own template and context (a Panel or a Widget)."""
    engine = context.template.engine  # type: ignore[union-attr]  # while it renders
    with context.push(**{**(html.pick(part, "context") or {}), "part": part}):
        return engine.get_template(html.pick(part, "template")).render(context)


@register.simple_tag(takes_context=True)
def query_string(context: template.Context, **changes: Any) -> str:
    """The request's query string with some keys replaced; None removes a key."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None:
            query.pop(key, None)
        else:
            query[key] = value
    return f"?{query.urlencode()}"


@register.filter
def pretty_json(value: Any) -> str:
    """Indented JSON of any value that JSON and Django's encoder know."""
    return json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)


@register.inclusion_tag("ui/chart.html")
def chart(
    name: str,
    url: str,
    height: int = 260,
    *,
    title: str = "",
    live: bool = False,
    every: int = 10,
    help: str = "",
) -> dict[str, Any]:
    """Plot drawn in the browser from the JSON at `url` (see docs/mechanisms/pages.md, Charts).

    `height` in CSS pixels, snapped to the next step of 40 between 120 and 480. With `live` the
    plot fetches again on every live event, and each `every` seconds when there is none.
    """
    step = min(_CHART_HEIGHTS, key=lambda known: abs(known - int(height)))
    return {
        "id": name,
        "url": url,
        "height": step,
        "title": title,
        "live": live,
        "every": every,
        "help": help,
    }


@register.inclusion_tag("ui/log.html")
def log_viewer(
    name: str, url: str, *, download_url: str = "", live: bool = False, title: str = ""
) -> dict[str, Any]:
    """Log that follows `url?offset=` -> {"text", "next", "eof"}."""
    return {"id": name, "url": url, "download_url": download_url, "live": live, "title": title}


@register.inclusion_tag("ui/upload.html")
def upload(
    name: str,
    put_url: str,
    *,
    prefix: str = "",
    accept: str = "",
    max_bytes: int = 0,
    help: str = "",
) -> dict[str, Any]:
    """Drop area that PUTs each file raw to `put_url`, where `{key}` stands for the object key."""
    return {
        "id": name,
        "put_url": put_url,
        "prefix": prefix,
        "accept": accept,
        "max_bytes": max_bytes,
        "help": help,
    }


@register.inclusion_tag("ui/predict.html", takes_context=True)
def predict(
    context: template.Context,
    name: str,
    url: str,
    *,
    field: str = "images",
    accept: str = "image/*",
    sample: str = "",
    method: str = "POST",
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """Try-it form: a file or a JSON body is sent to `url`, the JSON answer is shown. A page that
    passes the body on as it came takes PUT. What is larger than `max_bytes` is not sent."""
    return {
        "id": name,
        "url": url,
        "method": method,
        "field": field,
        "accept": accept,
        "sample": sample,
        "max_bytes": max_bytes,
        "csrf_token": context.get("csrf_token", ""),
    }


@register.inclusion_tag("ui/image_grid.html")
def image_grid(samples: list[dict[str, Any]], *, empty: str = "") -> dict[str, Any]:
    """Samples as a grid of pictures: [{"src", "label", "url", "caption"}]."""
    return {"samples": samples, "empty": empty or _("No samples to show.")}


@register.inclusion_tag("ui/empty_state.html")
def empty_state(
    title: str,
    text: str = "",
    *,
    icon: str = "inbox",
    url: str = "",
    label: str = "",
    code: str = "",
) -> dict[str, Any]:
    """What to read where nothing is yet: a sentence and the next step."""
    return {"title": title, "text": text, "icon": icon, "url": url, "label": label, "code": code}


@register.inclusion_tag("ui/kv.html")
def kv(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Facts as label and value: [{"label", "html", "copy"}]."""
    return {"items": items}


@register.inclusion_tag("ui/stages.html")
def stages(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Stage bar: [{"label", "state": "done"|"now"|"todo"|"failed", "duration", "hint"}]."""
    return {"items": items}


@register.inclusion_tag("ui/failure.html")
def failure(card: dict[str, Any]) -> dict[str, Any]:
    """Failure card: {"title", "text", "proof": [{"label", "html"}], "code", "steps": [action]}."""
    return {"card": card}


@register.inclusion_tag("ui/quota.html")
def quota(label: str, used: float, limit: float | None, *, unit: str = "") -> dict[str, Any]:
    """Bar of what is used of a limit; `unit` "bytes" formats both. No limit: no bar."""
    text: Callable[[Any], str] = fmt.bytes_text if unit == "bytes" else fmt.number_text
    share = 100 if limit == 0 else fmt.percent(used, limit)  # none allowed: full from the start
    return {
        "label": label,
        "share": share,
        "tone": "red" if share >= 95 else "yellow" if share >= 80 else "blue",
        "used": text(used),
        "limit": text(limit) if limit is not None else "",
        "unit": "" if unit == "bytes" else unit,
    }


@register.inclusion_tag("ui/split_bar.html")
def split_bar(parts: list[dict[str, Any]], label: str = "") -> dict[str, Any]:
    """One bar divided among parts: [{"label", "value", "hint"}]; colours follow the order."""
    total = sum(part["value"] for part in parts) or 1
    offset, drawn = 0.0, []
    for index, part in enumerate(parts):
        width = 100 * part["value"] / total
        drawn.append(
            {
                **part,
                "x": f"{offset:.3f}",
                "width": f"{width:.3f}",
                "slot": index % 8,
                "percent": f"{width:.1f}".removesuffix(".0"),
            }
        )
        offset += width
    return {"parts": drawn, "label": label}


@register.inclusion_tag("ui/code.html")
def code_block(code: str, *, language: str = "", title: str = "") -> dict[str, Any]:
    """Code with a copy button."""
    return {"code": code, "language": language, "title": title}


@register.inclusion_tag("ui/json.html")
def json_view(value: Any, *, title: str = "JSON", open: bool = True) -> dict[str, Any]:
    """Any JSON value, indented, collapsible, with a copy button."""
    return {"code": pretty_json(value), "title": title, "open": open}


@register.inclusion_tag("ui/secret.html")
def secret(value: str, *, label: str = "", filename: str = "") -> dict[str, Any]:
    """Secret that is shown this once: reveal, copy, download, and the warning."""
    return {"value": value, "label": label or _("Secret"), "filename": filename}


@register.inclusion_tag("ui/tags_editor.html", takes_context=True)
def tags_editor(
    context: template.Context,
    tags: dict[str, str],
    url: str,
    *,
    can_edit: bool = True,
    version: int | None = None,
) -> dict[str, Any]:
    """Form of key/value rows; posts parallel lists `tag_key` and `tag_value` to `url`."""
    return {
        "pairs": list((tags or {}).items()),
        "url": url,
        "can_edit": can_edit,
        "version": version,
        "csrf_token": context.get("csrf_token", ""),
        "blank_rows": range(1 if tags else 2),
    }


@register.inclusion_tag("ui/action.html", takes_context=True)
def action_button(context: template.Context, action: Any, *, item: bool = False) -> dict[str, Any]:
    """One action as a button, or as an entry of a menu with `item`."""
    return {"action": action, "item": item, "csrf_token": context.get("csrf_token", "")}


class CardNode(template.Node):
    """Wraps its content into ui/card.html."""

    def __init__(self, content: NodeList, options: dict[str, FilterExpression]) -> None:
        self.content = content
        self.options = options

    def render(self, context: template.Context) -> str:
        values = {name: value.resolve(context) for name, value in self.options.items()}
        return get_template("ui/card.html").render(
            {**values, "content": self.content.render(context)}
        )


@register.tag
def card(parser: Parser, token: Token) -> CardNode:
    """`{% card title="…" icon="…" help="…" flush=True %}…{% endcard %}`."""
    options = token_kwargs(token.split_contents()[1:], parser)
    content = parser.parse(("endcard",))
    parser.delete_first_token()
    return CardNode(content, options)
