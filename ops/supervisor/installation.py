"""One start of Modelyard on this machine, from lock to clean stop."""

import argparse
import os
import re
import sys
from pathlib import Path

from core.layout import ROOT, Layout
from core.sizes import Size
from ops.supervisor import (
    belonging,
    broker,
    environment,
    lock,
    ports,
    probes,
    programs,
    stamps,
)
from ops.supervisor.belonging import Unusable
from ops.supervisor.reporter import Reporter
from ops.supervisor.supervisor import StartFailed, Stopped, Supervisor

STOP_RUNNERS_WITHIN = 60.0
"""Seconds the running jobs and model servers get to stop in order, uploads included."""


def start(options: argparse.Namespace, reporter: Reporter) -> int:
    """Run until a stop signal, or until the demo ends with --exit. Returns the exit code.

    Raises AlreadyRunning, PortTaken, NoServer, SecretsUnreadable, StartFailed, Unusable, Held or
    NoDatabase with a sentence for the terminal.
    """
    layout = Layout(var_folder(options))
    if layout.restoring.exists():
        raise Unusable(
            f"A restore into {layout.var} has not ended. Wait for it; if it was cut off, give the"
            " same command again: manage.py restore ..."
        )
    layout.make()
    with lock.Lock(layout.lock), belonging.hold(options, layout) as held:
        for name in lock.sweep(layout.state, layout.var, held.identity):
            reporter.say(f"{name} of a supervisor that was killed was still there: stopped it")
        return Installation(options, layout, reporter, held).run()


def var_folder(options: argparse.Namespace) -> Path:
    """The data folder: --var, else MODELYARD_VAR, else ./var of the project."""
    named = options.var or os.environ.get("MODELYARD_VAR", "").strip() or ROOT / "var"
    return Path(named).expanduser().resolve()


class Installation:
    """What is started, in which order."""

    def __init__(
        self,
        options: argparse.Namespace,
        layout: Layout,
        reporter: Reporter,
        held: belonging.Held,
    ) -> None:
        self._options = options
        self._held = held
        self._layout = layout
        self._reporter = reporter
        try:
            self._size = Size.read(dict(os.environ))
        except ValueError as problem:
            raise Unusable(str(problem)) from None
        self._port = ports.claim(options.host, options.port, "--port")
        self._gateway_port = ports.claim(options.host, options.gateway_port, "--gateway-port")
        environment.ensure_secrets(layout.secrets)
        self._own_broker: broker.Broker | None = None
        self._redis_url = os.environ.get("REDIS_URL", "").strip()
        if not self._redis_url:
            self._own_broker = broker.prepare(layout.broker)
            self._redis_url = self._own_broker.url
        elif not probes.redis_answers(self._redis_url)():
            shown = re.sub(r"//[^@/]*@", "//...@", self._redis_url)
            raise Unusable(
                f"REDIS_URL={shown} does not answer. Start that server or correct the address;"
                " without REDIS_URL a server is started here."
            )

    def run(self) -> int:
        """Start everything, then watch or play the demo; stop in order however it ends."""
        child_environment = environment.child_environment(
            os.environ,
            var=self._layout.var,
            redis_url=self._redis_url,
            host=self._options.host,
            port=self._port,
            gateway_port=self._gateway_port,
        )
        self._web_url = child_environment["MODELYARD_WEB_URL"]
        supervisor = Supervisor(
            var=self._layout.var,
            folder=ROOT,
            log_of=self._layout.log,
            state=self._layout.state,
            environment=child_environment,
            addresses={
                "web": self._web_url,
                "gateway": child_environment["MODELYARD_GATEWAY_URL"],
            },
            reporter=self._reporter,
            verbose=self._options.verbose,
        )
        if self._held.identity:
            supervisor.environment["MODELYARD_INSTALLATION"] = self._held.identity
        with supervisor:
            self._held.lost = supervisor.ask_to_stop
            try:
                self._bring_up(supervisor)
                if self._options.demo:
                    code = self._demo(supervisor)
                    if self._options.exit:
                        return code
                else:
                    self._first_steps(supervisor)
                supervisor.watch()
                return 0
            except Stopped:
                return 0 if not self._options.exit else 130
            finally:
                self._shut_down(supervisor)

    def _bring_up(self, supervisor: Supervisor) -> None:
        # Before anything else runs: every process is given the id that `prepare` made or found.
        self._migrate(supervisor)
        supervisor.require_step("prepare", programs.manage("prepare", *self._held.answer))
        identity = belonging.marked(self._layout.var)
        supervisor.environment["MODELYARD_INSTALLATION"] = identity
        if self._own_broker:
            supervisor.add([programs.broker(self._own_broker.argv, self._own_broker.url)])
        self._collect_static(supervisor)
        supervisor.add(
            [
                programs.web(self._options.host, self._port, self._size),
                programs.gateway(self._options.host, self._gateway_port),
                programs.worker(self._redis_url, self._size, identity),
                programs.beat(self._layout.run),
            ]
        )
        self._reporter.say(f"Modelyard is ready: {self._web_url}  (Ctrl-C stops it)")

    def _migrate(self, supervisor: Supervisor) -> None:
        url = os.environ.get("DATABASE_URL", "").strip()
        if not url:
            self._own_database()
        files = [*ROOT.glob("*/migrations/*.py"), ROOT / "requirements.txt"]
        value = stamps.digest([url, stamps.contents(files), self._database_file()])
        stamp = self._layout.stamp("migrate")
        # A database server can be replaced or restored behind our back; its migrations are
        # looked at on every start. Of a file we can tell.
        if not url and stamps.current(stamp, value):
            return
        self._reporter.say("bringing the database up to date")
        supervisor.require_step("migrate", programs.manage("migrate", "--noinput"))
        value = stamps.digest([url, stamps.contents(files), self._database_file()])
        stamps.keep(stamp, value)

    def _own_database(self) -> None:
        """The data folder is traversable, so the file itself must be private; SQLite gives the
        write-ahead log beside it the same mode."""
        self._layout.database.touch(mode=0o600)
        self._layout.database.chmod(0o600)

    def _database_file(self) -> str:
        path = self._layout.database
        return str(path.stat().st_ino) if path.exists() else "none"

    def _collect_static(self, supervisor: Supervisor) -> None:
        # The data folder usually lies inside the project and holds what was collected.
        inside = (path for path in ROOT.glob("*/static") if path.parent != self._layout.var)
        folders = [ROOT / "static", *inside]
        settings = [
            ROOT / "requirements.txt",
            ROOT / "console/app_list.py",
            *(ROOT / "console/settings").glob("*.py"),
        ]
        value = stamps.digest([stamps.listing(folders), stamps.contents(settings)])
        stamp = self._layout.stamp("collectstatic")
        collected = (self._layout.var / "static" / "staticfiles.json").exists()
        if collected and stamps.current(stamp, value):
            return
        self._reporter.say("collecting static files")
        # Our pages load the htmx in static/vendor. django-htmx ships copies whose comments look
        # like imports of a file that does not exist, and hashing names stumbles over them.
        ignored = ("--ignore", "django_htmx/*")
        argv = programs.manage("collectstatic", "--noinput", "--verbosity", "0", *ignored)
        supervisor.require_step("collectstatic", argv)
        stamps.keep(stamp, value)

    def _first_steps(self, supervisor: Supervisor) -> None:
        """The single-use link that sets up the first account; prints nothing once there is one."""
        if has_command("setup_link"):
            argv = programs.manage("setup_link", "--if-needed")
            supervisor.run_step("setup_link", argv, to_terminal=True)

    def _demo(self, supervisor: Supervisor) -> int:
        argv = (
            sys.executable, "-m", "demo",
            "--base-url", self._web_url,
            "--engine", self._options.engine,
        )  # fmt: skip
        self._reporter.say(f"playing the demo on {self._options.engine}")
        code = supervisor.run_step("demo", argv, to_terminal=True)
        self._reporter.say(f"the demo ended, exit code {code}")
        return code

    def _shut_down(self, supervisor: Supervisor) -> None:
        """First what starts new work, then the work, then what the work needs to finish."""
        self._reporter.say("stopping")
        supervisor.stop(["beat", "worker"])
        keep = os.environ.get("MODELYARD_KEEP_RUNNING", "").strip().lower()
        if keep in {"1", "true", "yes", "on"}:
            self._reporter.say("jobs and model servers keep running (MODELYARD_KEEP_RUNNING)")
        elif supervisor.running("web") and has_command("stop_runners"):
            argv = programs.manage("stop_runners")
            code = supervisor.run_step(
                "stop_runners", argv, timeout=STOP_RUNNERS_WITHIN, stoppable=False
            )
            if code != 0:
                log = self._layout.log("stop_runners")
                self._reporter.say(f"not every job could be stopped in order, see {log}")
        supervisor.stop(["gateway", "web"])
        supervisor.stop(["broker"])
        self._reporter.say("stopped")


def has_command(name: str) -> bool:
    """Whether a room brings this management command, without starting Django to ask."""
    return any(ROOT.glob(f"*/management/commands/{name}.py"))


__all__ = ["Installation", "StartFailed", "Unusable", "has_command", "start", "var_folder"]
