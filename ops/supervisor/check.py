"""`./run --check`: what is there and what is missing, without starting anything."""

import argparse
import os
import shutil
import subprocess

from core.identity import outside
from core.layout import Layout
from ops.supervisor import belonging, broker, installation, ports, probes
from ops.supervisor.lock import Lock, read_json
from ops.supervisor.reporter import Reporter


def run(options: argparse.Namespace, reporter: Reporter) -> int:
    """Print one line per fact; 0 when a start would find what it needs, else 1."""
    layout = Layout(installation.var_folder(options))
    facts = [_sandbox(), _broker()]
    holder = Lock(layout.lock).holder() if layout.lock.exists() else None
    if holder:
        addresses = read_json(layout.state).get("addresses", {})
        facts.append((True, f"running: process {holder}, {addresses.get('web', 'starting')}"))
    else:
        wanted = {"--port": options.port, "--gateway-port": options.gateway_port}
        facts += [_port(options.host, port, name) for name, port in wanted.items() if port]
    if layout.var.exists():
        facts += [(True, f"data folder: {layout.var}"), _belonging(layout)]
    else:
        facts.append((True, f"data folder: {layout.var} (new)"))
    for good, text in facts:
        reporter.plain(f"{'ok      ' if good else 'MISSING '} {text}")
    return 0 if all(good for good, _ in facts) else 1


def _belonging(layout: Layout) -> tuple[bool, str]:
    try:
        found = belonging.mismatch(layout)
    except outside.NoDatabase as problem:
        return False, f"database: {problem}"
    if found is None:
        return True, "database, data folder and stores: belong together"
    return False, f"{found.what} A start says what to type."


def _sandbox() -> tuple[bool, str]:
    if not shutil.which("bwrap"):
        weak = os.environ.get("MODELYARD_ALLOW_WEAK_SANDBOX", "").strip() == "1"
        return weak, "bubblewrap: not installed" + (" (weak sandbox allowed)" if weak else "")
    # Being installed is not enough: some kernels and containers forbid user namespaces.
    probe = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true")
    done = subprocess.run(probe, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        return False, f"bubblewrap: installed but does not work here: {done.stderr.strip()}"
    return True, "bubblewrap: works"


def _broker() -> tuple[bool, str]:
    url = os.environ.get("REDIS_URL", "").strip()
    if url:
        answers = probes.redis_answers(url)()
        return answers, f"broker: REDIS_URL {'answers' if answers else 'does not answer'}"
    try:
        return True, f"broker: {broker.find_server()}"
    except broker.NoServer as problem:
        return False, f"broker: {problem}"


def _port(host: str, port: int, option: str) -> tuple[bool, str]:
    if ports.is_free(host, port):
        return True, f"port {port}: free"
    return False, f"port {port} on {host}: taken; choose another with {option}"
