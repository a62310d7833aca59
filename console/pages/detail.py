"""The detail page: header with status and legal actions, tabs, live refresh."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.pages.base import ResourcePage, status_of, why_held_back
from console.screens import Item, Panel, Tab
from core import access, printed, shell
from core.errors import NotFound
from core.models import AuditRecord, Event

HISTORY = 100  # rows of the Activity tab
SHOWN = 3  # actions in the head; the others are behind More
# What the Access tab calls the actions every spec declares; verbs bring their own label.
ACTION_WORDS = {
    "delete": gettext_lazy("Delete"),
    "deploy": gettext_lazy("Deploy"),
    "export": gettext_lazy("Export"),
    "get": gettext_lazy("Get"),
    "infer": gettext_lazy("Infer"),
    "logs": gettext_lazy("Logs"),
    "update": gettext_lazy("Update"),
    "use": gettext_lazy("Use"),
}


class DetailPage(ResourcePage):
    """One object; ``tab`` picks the tab. Live pages fetch the same URL and take what moved."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any, tab: str = "overview") -> HttpResponse:
        obj = self.obj
        tabs = {t.name: t for t in self.tabs(obj)}
        if tab not in tabs:
            raise NotFound()
        current = tabs[tab]
        context = {
            "spec": self.spec,
            "object": obj,
            "title": str(obj),
            "is_own": obj.account_id == self.actor.account_id,
            "status": status_of(obj, self.actor),
            "tabs": [
                {
                    "name": t.name,
                    "label": t.label,
                    "url": self.url("detail", pk=obj.pk)
                    if t.name == "overview"
                    else self.url("tab", pk=obj.pk, tab=t.name),
                    "active": t.name == tab,
                    "count": t.count(obj) if t.count else None,
                }
                for t in tabs.values()
            ],
            "tab": tab,
            "tab_template": current.template,
            **self.buttons(obj),
            "live_url": self.url("live", pk=obj.pk) if self.is_live(obj) else None,
            "banners": shell.banners(self.actor, self.spec.slug),
            **(current.context(request, obj) if current.context else {}),
        }
        return self.render(self.templates("detail"), context)

    def is_live(self, obj: Any) -> bool:
        return hasattr(obj, "phase") and not obj.is_terminal

    def tabs(self, obj: Any) -> list[Tab]:
        """Overview, the type's own tabs, then Activity, Tags and Access."""
        found = [Tab("overview", _("Overview"), "generic/tabs/overview.html", self._overview)]
        found += [
            t
            for t in self.screen.tabs
            if (t.shown is None or t.shown(obj, self.actor))
            and (not t.action or access.decide(self.actor, t.action, obj).allowed)
        ]
        if obj.account_id == self.actor.account_id:
            found.append(
                Tab("activity", _("Activity"), "generic/tabs/activity.html", self._activity)
            )
            found.append(Tab("tags", _("Tags"), "generic/tabs/tags.html", self._tags))
        found.append(Tab("access", _("Access"), "generic/tabs/access.html", self._access))
        return found

    def buttons(self, obj: Any) -> dict[str, list[dict[str, Any]]]:
        """Actions as the head shows them: the first that are possible now, and what is behind
        More, where those that are not say why."""
        actions = self.acts(obj)
        first = [action for action in actions if action["enabled"]][:SHOWN]
        return {"actions": first, "more": [a for a in actions if a not in first]}

    def acts(self, obj: Any) -> list[dict[str, Any]]:
        """Buttons for what this actor may do; behind them, greyed and with the reason, what the
        state forbids just now."""
        spec, screen, actor, buttons = self.spec, self.screen, self.actor, []
        own = obj.account_id == actor.account_id
        for link in screen.links(obj, actor) if screen.links else ():
            buttons.append(
                {
                    "label": link.label,
                    "url": link.url,
                    "icon": link.icon,
                    "tone": link.tone,
                    "method": "get",
                    "enabled": not link.why_not,
                    "why_not": link.why_not,
                }
            )
        for verb in spec.verbs:
            target = access.about(actor, obj, own_only=verb.own_only, verb=verb.name)
            if not verb.concerns(obj) or (verb.idle is not None and verb.idle(obj)):
                continue
            decision = access.decide(actor, verb.action, target)
            held_back = why_held_back(decision)
            if not decision.allowed and not held_back:
                continue
            enabled = not held_back and verb.enabled(obj)
            button = screen.button(verb.name)
            buttons.append(
                {
                    "label": verb.label,
                    "url": self.url("verb", pk=obj.pk, verb=verb.name),
                    "icon": button.icon,
                    "tone": button.tone,
                    "method": "get" if button.asks else "post",
                    "enabled": enabled,
                    "why_not": held_back
                    if enabled or held_back
                    else _("Not possible while the status is %(phase)s.")
                    % {"phase": obj.Phase(obj.phase).label},
                }
            )
        if own and (screen.edit_form or screen.form):
            buttons += self._plain(obj, "update", "edit", _("Edit"), "pencil", "secondary")
        if own:
            why_not = str(screen.why_not_delete(obj)) if screen.why_not_delete else ""
            words = screen.delete_words
            label, icon = (words.label, words.icon) if words else (_("Delete"), "trash")
            tone = "secondary" if words else "danger"
            buttons += self._plain(obj, "delete", "delete", label, icon, tone, why_not)
        return sorted(buttons, key=lambda button: not button["enabled"])

    def _may(self, obj: Any, verb: str) -> bool:
        return (
            verb in self.spec.actions
            and access.decide(self.actor, self.spec.action(verb), obj).allowed
        )

    def _plain(
        self,
        obj: Any,
        verb: str,
        page: str,
        label: str,
        icon: str,
        tone: str,
        why_not: str = "",
    ) -> list[dict[str, Any]]:
        """The button of an act that every type has, where the actor's policies allow it."""
        if verb not in self.spec.actions:
            return []
        decision = access.decide(self.actor, self.spec.action(verb), obj)
        why_not = why_held_back(decision) or why_not
        if not decision.allowed and not why_held_back(decision):
            return []
        return [
            {
                "label": label,
                "url": self.url(page, pk=obj.pk),
                "icon": icon,
                "tone": tone,
                "method": "get",
                "enabled": not why_not,
                "why_not": why_not,
            }
        ]

    def _overview(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        panels = list(self.screen.panels(obj, self.actor)) if self.screen.panels else []
        own = obj.account_id == self.actor.account_id
        facts = [Item(_("ID"), str(obj.pk), copy=str(obj.pk))]
        if obj.region:
            facts.append(Item(_("Region"), obj.region))
        facts.append(Item(_("Owner"), _("this account") if own else obj.account_id))
        if own and obj.created_by_id:
            facts.append(Item(_("Created by"), str(obj.created_by)))
        facts.append(Item(_("Created"), obj.created_at))
        facts.append(Item(_("Changed"), obj.updated_at))
        if obj.description:
            facts.append(Item(_("Description"), obj.description))
        return {"panels": [*panels, Panel(_("Details"), tuple(facts), icon="info-circle")]}

    def _activity(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        events = list(Event.objects.filter(resource_id=str(obj.pk)).order_by("-id")[:HISTORY])
        if not printed.readable(self.actor, obj):
            for event in filter(printed.repeats, events):
                event.message, event.said, event.detail = printed.sentence(event.code), None, {}
        trail = AuditRecord.objects.filter(
            resource_id=str(obj.pk), account_id=self.actor.account_id
        ).order_by("-id")[:HISTORY]
        phases = dict(obj.Phase.choices) if hasattr(obj, "Phase") else {}
        return {"events": events, "trail": trail, "phases": phases}

    def _tags(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {
            "tags": obj.tags,
            "can_edit": self._may(obj, "update"),
            "tags_url": self.url("tags", pk=obj.pk) if "update" in self.spec.actions else "",
            "version": obj.version,
        }

    def _access(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the buttons ask, each with its answer and the steps that led to it."""
        asked: list[tuple[Any, str, Any]] = [
            (ACTION_WORDS.get(v, v), self.spec.action(v), obj)
            for v in self.spec.actions
            if v not in ("list", "create")
        ]
        for verb in self.spec.verbs:
            target = access.about(self.actor, obj, own_only=verb.own_only, verb=verb.name)
            asked.append((verb.label, verb.action, target))
        return {
            "decisions": [
                {"label": label, "decision": access.decide(self.actor, action, target)}
                for label, action, target in asked
            ]
        }
