"""A small program that supervises the programs named in a JSON file, for test_supervisor.py.

It uses the same lock, sweep and loop as ./run; only the list of programs is the test's.
"""

import json
import os
import sys
from pathlib import Path

from core.layout import Layout
from ops.supervisor import lock
from ops.supervisor.process import Program
from ops.supervisor.reporter import Reporter
from ops.supervisor.supervisor import StartFailed, Stopped, Supervisor


def main() -> int:
    var, plan = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    layout = Layout(var)
    layout.make()
    reporter = Reporter()
    try:
        with lock.Lock(layout.lock):
            for name in lock.sweep(layout.state, var, patience=plan.get("patience", 5.0)):
                reporter.say(f"swept {name}")
            supervisor = Supervisor(
                var=var,
                folder=var,
                log_of=layout.log,
                state=layout.state,
                environment={**os.environ, "MODELYARD_VAR": str(var)},
                reporter=reporter,
                verbose=plan.get("verbose", False),
            )
            with supervisor:
                supervisor.add(program(var, item) for item in plan["programs"])
                reporter.say("all ready")
                if plan.get("step"):
                    code = supervisor.run_step("step", plan["step"], timeout=plan.get("timeout"))
                    reporter.say(f"step ended {code}")
                supervisor.watch()
    except Stopped:
        reporter.say("stopped while waiting")
    except (lock.AlreadyRunning, StartFailed) as problem:
        reporter.plain(str(problem))
        return 1
    return 0


def program(var: Path, item: dict) -> Program:
    """A program whose readiness, if it names one, is a file."""
    file = item.pop("ready_file", None)
    ready = (var / file).exists if file else None
    return Program(item.pop("name"), tuple(item.pop("argv")), ready=ready, **item)


if __name__ == "__main__":
    sys.exit(main())
