"""`python -m compute.runner [--retry-upload] SPEC.json`: supervise one attempt to its end.

Exit status: 0 the state file tells the outcome; 2 the specification is not valid; 3 another runner
holds the attempt; 4 there is no upload to retry.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from compute.runner.failures import Failure
from compute.runner.run import AlreadyRunning, Runner
from compute.runner.spec import RunSpec, SpecError
from compute.sandbox.process import adopt_orphans


def main(arguments: list[str]) -> int:
    """Run; see the module's text for the exit status."""
    retry = "--retry-upload" in arguments
    paths = [argument for argument in arguments if argument != "--retry-upload"]
    if len(paths) != 1:
        sys.stderr.write(
            f"usage: python -m compute.runner [--retry-upload] SPEC.json\n"
            f"one specification is needed, not {len(paths)}\n"
        )
        return 2
    os.umask(0o022)
    adopt_orphans()
    try:
        path = Path(paths[0]).resolve()
        spec = RunSpec.load(path).at(path.parent)
        runner = Runner(spec)
        if retry:
            runner.retry_upload()
        else:
            runner.run()
    except SpecError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except AlreadyRunning as error:
        sys.stderr.write(f"{error}\n")
        return 3
    except Failure as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
