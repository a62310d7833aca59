"""The answer to a search in a field of a form, at the form's own address. Who may open the form may
search in it, among what the form itself offers."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.choices import MAX_TEXT, PAGE, SearchField
from console.forms import ResourceForm
from core.errors import NotFound

NAME = "choices"  # parameter with the name of the field; ``q`` has the words


def search(request: HttpRequest, form: ResourceForm) -> JsonResponse:
    """``{"groups": [{"title", "options": [{"value", "text"}]}], "status": sentence}`` for the field
    that the request names. Raises NotFound for what is no such field."""
    field = form.fields.get(request.GET[NAME])
    if not isinstance(field, SearchField):
        raise NotFound()
    found, more = field.offer.listed(PAGE, request.GET.get("q", "")[:MAX_TEXT].strip())
    groups = [
        {"title": str(title), "options": [{"value": v, "text": text} for v, text in options]}
        for title, options in found
    ]
    return JsonResponse({"groups": groups, "status": _status(found, more)})


def _status(found: list[tuple[object, list[object]]], more: bool) -> str:
    count = sum(len(options) for _title, options in found)
    if not count:
        return _("Nothing matches.")
    if more:
        return _("%(count)s shown, there are more: type to narrow the search.") % {"count": count}
    return ngettext("%(n)s found.", "%(n)s found.", count) % {"n": count}
