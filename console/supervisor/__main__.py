"""`python -m console.supervisor`: what `./run` becomes once the environment is there."""

import os
import sys

from console.supervisor import check, installation, options
from console.supervisor.broker import NoServer
from console.supervisor.environment import SecretsUnreadable
from console.supervisor.lock import AlreadyRunning
from console.supervisor.ports import PortTaken
from console.supervisor.reporter import Reporter
from console.supervisor.supervisor import StartFailed
from core.identity import outside

EXPECTED = (
    AlreadyRunning,
    NoServer,
    PortTaken,
    SecretsUnreadable,
    StartFailed,
    installation.Unusable,
    outside.Held,
    outside.NoDatabase,
)


def main() -> int:
    given = options.parse(sys.argv[1:])
    # The clock began with ./run, which may have installed things first; it is one clock for all
    # processes of the machine.
    began = os.environ.pop("MODELYARD_BEGAN", None)
    reporter = Reporter(since=float(began) if began else None)
    if given.check:
        return check.run(given, reporter)
    try:
        return installation.start(given, reporter)
    except EXPECTED as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
