"""`python -m ops.supervisor`: what `./run` becomes once the environment is there."""

import os
import sys

from core.identity import outside
from ops.supervisor import check, installation, options
from ops.supervisor.broker import NoServer
from ops.supervisor.environment import SecretsUnreadable
from ops.supervisor.lock import AlreadyRunning
from ops.supervisor.ports import PortTaken
from ops.supervisor.reporter import Reporter
from ops.supervisor.supervisor import StartFailed

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
