"""Two accounts, their people, tokens and a byte store of its own for every test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core import installation
from core.models import Installation
from tests.storage import people


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    """Bytes of a test never meet those of another."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(db: None) -> people.Person:
    """Main account of a tenant, on an installation that is older than any file of a test."""
    installation.row()
    Installation.objects.update(created_at=timezone.now() - dt.timedelta(days=30))
    return people.root("alice")


@pytest.fixture
def mallory(db: None) -> people.Person:
    """Main account of another tenant."""
    return people.root("mallory")


@pytest.fixture
def reader(alice: people.Person) -> Callable[..., people.Person]:
    """Make a user of alice's account whose rights are the given statements."""

    def make(*statements: dict[str, Any], name: str = "reader") -> people.Person:
        return people.user(alice, name, statements)

    return make


@pytest.fixture
def api() -> Callable[[people.Person], Client]:
    """A client that sends the person's bearer token."""

    def make(person: people.Person) -> Client:
        token = people.token(person, dt.timedelta(hours=1))
        return Client(headers={"Authorization": f"Bearer {token}"})

    return make
