"""Model servers whose answers drip: health just in time, and the first request never."""

from __future__ import annotations

from typing import Any

from ops.drill.attacks.own_server import WITHIN, OwnServer
from ops.drill.work import until

SERVICES = 3


class SlowModel(OwnServer):
    """No worker waits for them; each is given up with its own reason, or stopped."""

    name = "slow-model"
    apis = [
        {
            "url": "/",
            "method": "POST",
            "request": {
                "Content-type": "application/json",
                "data": {"type": "object", "properties": {"x": {"type": "number"}}},
            },
            "response": {"Content-type": "application/json", "data": {"type": "object"}},
        }
    ]
    answer = """
def answer(connection):
    try:
        well = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
        health = b"/health" in connection.recv(65536).split(b"\\r\\n")[0]
        for byte in well if health else b"H" * 10**6:
            time.sleep(0.08)
            connection.sendall(bytes([byte]))
    except OSError:
        pass
    connection.close()
"""

    def begin(self) -> None:
        self.deploy(SERVICES)
        until("a server that is asked for its first answer", self._asked, within=WITHIN)

    def _asked(self) -> bool:
        rows: list[dict[str, Any]] = self.client.get(f"/services/{self.services[0]}/instances")[
            "items"
        ]
        return any(row["stage"] == "first inference" for row in rows)
