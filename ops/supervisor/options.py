"""The command line of `./run`.

Standard library only: bootstrap.py reads it with the system's interpreter, before anything is
installed, so that a typing error is answered at once and not after the installation.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

ENGINES = ("sklearn", "pytorch")
EPILOG = """\
environment:
  MODELYARD_VAR                   the data folder, as --var
  DATABASE_URL                    PostgreSQL instead of SQLite: postgres://user:password@host/name
  REDIS_URL                       an existing Redis or Valkey instead of the one started here
  MODELYARD_KEEP_RUNNING=1        leave running jobs and model servers alone when stopping
  MODELYARD_ALLOW_WEAK_SANDBOX=1  run user code without bubblewrap (it can read what you can read)
"""


def port_number(text: str) -> int:
    """A TCP port; 0 lets the system choose a free one."""
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return port


def parser() -> argparse.ArgumentParser:
    """The options; each help text is a contract that docs/mechanisms/processes.md repeats."""
    command = argparse.ArgumentParser(
        prog="./run",
        description="Start Modelyard on this machine: broker, database, web, gateway, workers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    command.add_argument("--port", type=port_number, default=8000, help="console (%(default)s)")
    command.add_argument(
        "--gateway-port", type=port_number, default=8001, help="model gateway (%(default)s)"
    )
    command.add_argument(
        "--var", type=Path, metavar="DIR", help="data folder: database, objects, logs (./var)"
    )
    command.add_argument(
        "--demo", action="store_true", help="play the demonstration once everything is ready"
    )
    command.add_argument(
        "--engine", choices=ENGINES, default="sklearn", help="engine of the demo (%(default)s)"
    )
    command.add_argument(
        "--exit", action="store_true", help="stop after the demo and return its exit code"
    )
    command.add_argument("--verbose", action="store_true", help="show every process's log here")
    command.add_argument(
        "--check", action="store_true", help="say what is there and what is missing; start nothing"
    )
    answer = command.add_mutually_exclusive_group()
    answer.add_argument(
        "--this-is-a-copy",
        action="store_true",
        help="the data folder and database are a copy: make an installation of its own of them",
    )
    answer.add_argument(
        "--adopt",
        action="store_true",
        help="database, data folder and object store belong together from now on",
    )
    return command


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of one start; exits with code 2 and a sentence when they make no sense."""
    command = parser()
    options = command.parse_args(arguments)
    if options.exit and not options.demo:
        command.error("--exit stops after the demo: give --demo with it")
    if options.port and options.port == options.gateway_port:
        command.error(f"--port and --gateway-port are both {options.port}: they need two ports")
    return options
