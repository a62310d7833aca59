"""Rows of services as a deployment leaves them, without a process; gateways that tests write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from django.test import Client

from core import references
from registry.model.models import Model
from serving.service.models import Instance, Service
from tests.storage import people
from tests.storage.people import Person


def running(account_id: str, name: str = "digits", *, model: Model | None = None) -> Service:
    """A running service of this account with one ready instance, deployed from ``model``."""
    made = Service.objects.create(
        account_id=account_id,
        region="cn-north-1",
        name=name,
        phase="Running",
        model_label="m",
        engine="e",
        model_account_id=model.account_id if model is not None else account_id,
        flavor="f",
        model=model,
    )
    references.write(made)
    Instance.objects.create(service=made, number=1, state="Ready")
    return made


@contextmanager
def in_place_of_the_gateway(handler: type[BaseHTTPRequestHandler], settings: Any) -> Iterator[str]:
    """Calls from pages are answered by ``handler``; yields its address."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
        yield settings.GATEWAY_URL
        server.shutdown()
        thread.join()


def send_picture(who: Person, service: Service) -> Any:
    """What the Predict tab sends for ``who``."""
    client = Client()
    people.sign_in(client, who)
    url = f"/services/{service.pk}/x/predict-call"
    return client.put(url, b"picture", content_type="application/octet-stream")
