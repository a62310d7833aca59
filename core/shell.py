"""What rooms add to the console's frame without the console knowing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.actor import Actor


@dataclass(frozen=True, slots=True)
class Banner:
    """A line across the top of a page: what is waiting and where to handle it."""

    text: Any
    url: str = ""
    action: Any = ""  # label of the link
    level: str = "info"  # info | success | warning | danger


@dataclass(frozen=True, slots=True)
class NavLink:
    """A menu entry that is no resource list. ``action`` decides who sees it."""

    section: str
    label: Any
    url_name: str
    icon: str
    action: str = ""
    order: int = 100
    badge: str = ""  # key of a badge


@dataclass(frozen=True, slots=True)
class Tile:
    """One number on the home page and where to see what it counts."""

    label: Any
    value: Any
    url: str = ""
    icon: str = "point"
    tone: str = "grey"
    hint: Any = ""
    order: int = 100


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step from an empty account to a running service."""

    title: Any
    text: Any
    url: str
    label: Any
    done: bool
    order: int


TileProvider = Callable[[Actor], list[Tile]]
StepProvider = Callable[[Actor], list[FirstStep]]
BannerProvider = Callable[[Actor, str], list[Banner]]  # (actor, slug of the page or "")
BadgeProvider = Callable[[Actor], Mapping[str, int]]  # slug or key -> number

_banners: list[BannerProvider] = []
_badges: list[BadgeProvider] = []
_links: list[NavLink] = []
_tiles: list[TileProvider] = []
_steps: list[StepProvider] = []


def add_banners(provider: BannerProvider) -> BannerProvider:
    _banners.append(provider)
    return provider


def add_badges(provider: BadgeProvider) -> BadgeProvider:
    _badges.append(provider)
    return provider


def add_link(link: NavLink) -> NavLink:
    _links.append(link)
    return link


def banners(actor: Actor, slug: str) -> list[Banner]:
    return [banner for provider in _banners for banner in provider(actor, slug)]


def badges(actor: Actor) -> dict[str, int]:
    return {key: n for provider in _badges for key, n in provider(actor).items() if n}


def links() -> list[NavLink]:
    return list(_links)


def add_tiles(provider: TileProvider) -> TileProvider:
    _tiles.append(provider)
    return provider


def add_first_steps(provider: StepProvider) -> StepProvider:
    _steps.append(provider)
    return provider


def tiles(actor: Actor) -> list[Tile]:
    found = [tile for provider in _tiles for tile in provider(actor)]
    return sorted(found, key=lambda tile: tile.order)


def first_steps(actor: Actor) -> list[FirstStep]:
    """Steps in their order; none once every one is done."""
    found = [step for provider in _steps for step in provider(actor)]
    if all(step.done for step in found):
        return []
    return sorted(found, key=lambda step: step.order)
