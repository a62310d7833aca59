"""Serve one model package on a unix socket.

    python -u main.py --model-dir /home/mind/model --socket /run/modelyard/server.sock

Runs inside an engine with numpy, pillow, uvicorn, starlette and python-multipart; it does not
import the platform. Standard output carries one line per step, ``MODELYARD_STATUS <json>``, and
``MODELYARD_LOAD_FAILED <json>`` before a non-zero exit when the model cannot be loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; limits are seconds and bytes."""
    parser = argparse.ArgumentParser(description="Modelyard model server")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--model-name", default="model")
    parser.add_argument("--max-body", type=int, default=12 * 2**20, help="bytes")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds per prediction")
    parser.add_argument("--concurrency", type=int, default=2, help="predictions at once")
    parser.add_argument("--backlog", type=int, default=64, help="predictions waiting at most")
    parser.add_argument("--drain", type=float, default=60.0, help="seconds to finish on SIGTERM")
    parser.add_argument(
        "--linger", type=float, default=1.0, help="seconds to keep answering after SIGTERM"
    )
    parser.add_argument(
        "--own-server",
        default="",
        help='the package brings its server: JSON {"command": [], "port": 0, "health": {}}',
    )
    parser.add_argument(
        "--settle", type=float, default=30.0, help="seconds until a wrong port is believed"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    # The server's modules are imported before the package's directory joins the path, so that a
    # file of the package called like one of ours, or like one of Python's, cannot break the server.
    sys.path[:1] = [str(HERE), str(HERE / "shims")]
    from modelyard_server.run import run

    options = parse()
    status = run(options)
    sys.stdout.flush()
    sys.stderr.flush()
    # A package may have left threads that never end; the server's end is the process's end.
    os._exit(status)
