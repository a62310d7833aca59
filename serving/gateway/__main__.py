"""The gateway process: ``python -m serving.gateway --host 127.0.0.1 --port 8001``."""

from __future__ import annotations

import argparse

import uvicorn

from serving.gateway.callers import Callers


def main() -> None:
    """Serve until told to stop."""
    command = argparse.ArgumentParser(prog="python -m serving.gateway", description=__doc__)
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, required=True)
    command.add_argument("--quiet", action="store_true", help="no line per request")
    options = command.parse_args()
    uvicorn.run(
        "serving.gateway.asgi:app",
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=Callers,
        # A handshake comes to the application as a request, whichever library is installed.
        ws="none",
        # Its counters are started and written there; "auto" would hide a failure of it.
        lifespan="on",
        server_header=False,
        # The application reads X-Forwarded-For itself, and only behind a proxy that it was told of.
        proxy_headers=False,
        # As for the console: a POST that meets a connection being closed cannot be sent again.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        access_log=not options.quiet,
        log_level="warning" if options.quiet else None,
    )


if __name__ == "__main__":
    main()
