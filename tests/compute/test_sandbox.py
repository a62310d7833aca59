"""What a hostile program can reach and use. Every test runs a real process in the real sandbox."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
from pathlib import Path

import pytest

from compute.runner.identity import COUNT, FIRST_UID
from compute.runner.spec import Limits, Output
from compute.runner.state import process_start
from compute.sandbox import capabilities, cgroups
from compute.sandbox.command import bwrap_options, packed
from compute.sandbox.report import SandboxUnavailable
from compute.sandbox.spec import Bind, SandboxSpec
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
AS_ROOT = os.geteuid() == 0
SMALL = Limits(memory_mb=64, pids=24, file_size_mb=8, disk_mb=64, tmp_mb=8)

PROBE = """
import json, os, socket, sys
def attempt(call):
    try:
        return repr(call())
    except OSError as error:
        return type(error).__name__
def connect(family, address):
    with socket.socket(family) as s:
        s.settimeout(2)
        return s.connect(address)
host, port = "127.0.0.1", int(sys.argv[1].split("=")[1])
status = dict(l.split(":", 1) for l in open("/proc/self/status").read().splitlines() if ":" in l)
print("PROBE" + json.dumps({
    "shadow": attempt(lambda: open("/etc/shadow").read()),
    "root": sorted(os.listdir("/")),
    "etc": sorted(os.listdir("/etc")),
    "others": attempt(lambda: os.listdir(sys.argv[2].split("=")[1])),
    "home_root": attempt(lambda: os.listdir("/root")),
    "net": attempt(lambda: connect(socket.AF_INET, (host, port))),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "write_usr": attempt(lambda: open("/usr/x", "w")),
    "write_root": attempt(lambda: open("/x", "w")),
    "write_engine": attempt(lambda: open("/opt/engine/x", "w")),
    "write_home": attempt(lambda: open("/home/ma-user/x", "w").close()),
    "write_tmp": attempt(lambda: open("/tmp/x", "w").close()),
    "uid": [os.getuid(), os.getgid(), os.getgroups()],
    "capabilities": [status[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "CapInh")],
    "no_new_privs": status["NoNewPrivs"].strip(),
    "pids": [p for p in os.listdir("/proc") if p.isdigit()],
    "env": dict(os.environ),
    "fds": [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if n > "2"
            and os.path.lexists(f"/proc/self/fd/{n}")],
    "userns": os.system("/usr/bin/unshare -U /usr/bin/true 2>/dev/null"),
    "hostname": socket.gethostname(),
}))
"""


def test_program_sees_only_what_is_its_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """No host files, no other attempt, no network, no privileges, no variable of the platform."""
    monkeypatch.setenv("MODELYARD_SECRET_KEY", "do-not-leak")
    lab.root.chmod(0o700)  # as when the installation lies below a private home
    port = lab.storage.url.split(":")[2].split("/")[0]
    spec = lab.spec(
        PROBE,
        hyperparameters={"port": port, "others": str(lab.backend.attempts)},
        env={"LEARNING_RATE": "0.1"},
    )
    attempt = lab.launch(spec)
    seen = lab.wait(attempt)
    log = lab.log(attempt)
    assert seen.state["outcome"] == "succeeded", log
    found = json.loads(next(ln for ln in log.splitlines() if ln.startswith("PROBE"))[5:])

    assert found["shadow"] == "FileNotFoundError"
    assert found["others"] == "FileNotFoundError"
    assert found["home_root"] == "FileNotFoundError"
    assert set(found["root"]) <= {
        "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "opt", "proc", "sbin",
        "tmp", "usr",
    }  # fmt: skip
    assert "resolv.conf" not in found["etc"]
    assert found["net"] in ("OSError", "ConnectionRefusedError")
    assert found["interfaces"] == ["lo"]
    assert {found["write_usr"], found["write_root"], found["write_engine"]} == {"OSError"}
    assert found["write_home"] == found["write_tmp"] == "None"
    assert found["uid"][:2] == [1000, 100]
    assert set(found["capabilities"]) == {"0000000000000000"}
    assert found["no_new_privs"] == "1"
    assert len(found["pids"]) == 2
    assert found["fds"] == []
    assert found["userns"] != 0
    assert found["hostname"] == "modelyard"
    assert "do-not-leak" not in log
    assert set(found["env"]) == {
        "HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR", "OMP_NUM_THREADS",
        "MODELYARD_ATTEMPT", "LEARNING_RATE", "PWD", "LC_CTYPE",
    } - ({"LC_CTYPE"} - set(found["env"]))  # fmt: skip
    assert found["env"]["PATH"].startswith("/opt/engine/bin:")


def test_network_refused_even_to_the_platform_itself(lab: Lab) -> None:
    seen = lab.run(
        "import urllib.request, sys\n"
        f"urllib.request.urlopen('{lab.storage.url}/buckets/code/objects?prefix=&marker=')\n"
    )
    assert seen.state["reason_code"] == "USER_CODE"
    assert "URLError" in seen.state["detail"]["exception"]
    assert not any(path[-15:] == "prefix=&marker=" for _, path in lab.storage.requests)


def test_fork_bomb_stays_inside_its_limit(lab: Lab) -> None:
    """Forking ends at the limit, the host keeps working, and nothing is left afterwards."""
    before = of_jobs()
    seen = lab.run(
        "import os, time\nn = 0\n"
        "while True:\n"
        "    try:\n        pid = os.fork()\n"
        "    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(6000)\n        os._exit(0)\n"
        "    n += 1\n"
        "print('forked', n)\n",
        limits=SMALL,
    )
    forked = int(seen.state["detail"]["log_tail"].split("forked ")[1].split()[0])
    assert 0 < forked <= SMALL.pids
    assert seen.state["outcome"] == "succeeded", "the end does not wait for the children"
    if AS_ROOT:
        # The uid is free again, and a job of another test may have it by now: only what had begun
        # when this one ended counts.
        ended = seen.state["heartbeat_monotonic"] * os.sysconf("SC_CLK_TCK")
        left = of_jobs(seen.state["uid"]) - before
        assert not [pid for pid in left if began(pid) <= ended]


@pytest.mark.skipif("memory" not in REPORT.controllers, reason="no writable memory cgroup")
def test_memory_of_the_whole_job_is_bounded_and_proved(lab: Lab) -> None:
    """Two processes that together pass the limit: OOM_HOST with the kernel's own count."""
    seen = lab.run(
        "import os, time\n"
        "child = os.fork()\n"
        "block = bytearray(b'x') * (48 << 20)\n"
        "while not child: time.sleep(1)\n"
        "pid, status = os.wait()\n"
        "raise SystemExit(status and 1)\n",
        limits=SMALL,
    )
    assert seen.state["oom"] is True
    assert seen.state["reason_code"] == "OOM_HOST"
    assert "64 MB" in seen.state["message"]
    assert seen.state["usage"]["memory_peak_bytes"] <= 64 << 20


def test_one_file_and_tmp_are_bounded(lab: Lab) -> None:
    seen = lab.run("open('big', 'wb').write(bytes(9 << 20))\n", limits=SMALL)
    assert seen.state["reason_code"] == "DISK_FULL"
    assert "8 MB" in seen.state["message"]
    seen = lab.run(
        "for name in 'ab': open(f'/tmp/{name}', 'wb').write(bytes(7 << 20))", limits=SMALL
    )
    assert seen.state["reason_code"] == "DISK_FULL"
    assert "/tmp holds 8 MB" in seen.state["message"]


def test_ignored_sigterm_is_killed_after_the_grace(lab: Lab) -> None:
    attempt = lab.launch(
        lab.spec(
            "import signal, time\n"
            "signal.signal(signal.SIGTERM, lambda *a: print('not me', flush=True))\n"
            "print('ready', flush=True)\n"
            "while True: time.sleep(0.1)\n"
        )
    )
    until(lambda: "ready" in lab.log(attempt))
    lab.backend.stop(attempt, grace_seconds=0.5)
    seen = lab.wait(attempt)
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("stopped", "STOPPED_BY_USER")
    assert seen.state["exit_code"] == 137
    assert "not me" in lab.log(attempt)
    assert process_start(seen.state["program_pid"]) != seen.state["program_pid_start"]


def test_sigterm_lets_a_polite_program_save_its_work(lab: Lab) -> None:
    """Also a child of the program in the same group hears it; what is saved is uploaded."""

    attempt = lab.launch(
        lab.spec(
            "import signal, sys, time\n"
            "def save(*a):\n"
            "    open(sys.argv[1].split('=')[1] + '/ckpt', 'w').write('saved')\n"
            "    sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, save)\n"
            "print('ready', flush=True)\n"
            "while True: time.sleep(0.1)\n",
            outputs=(Output("train_url", "out", "run", sync_seconds=0),),
        )
    )
    until(lambda: "ready" in lab.log(attempt))
    lab.backend.stop(attempt)
    seen = lab.wait(attempt)
    assert (seen.state["outcome"], seen.state["exit_code"]) == ("stopped", 0)
    assert lab.storage.objects["out", "run/ckpt"] == b"saved"


def test_daemon_left_behind_dies_with_the_job(lab: Lab) -> None:
    """A process in a session of its own does not outlive the program nor hold up the end."""
    before = of_jobs()
    seen = lab.run(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True: time.sleep(0.05)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print('main ends')\n"
    )
    assert seen.state["outcome"] == "succeeded"
    assert process_start(seen.state["program_pid"]) != seen.state["program_pid_start"]
    if AS_ROOT:
        assert of_jobs(seen.state["uid"]) <= before


def test_killed_runner_takes_the_sandbox_with_it(lab: Lab) -> None:
    """SIGKILL of the supervisor alone ends every process inside (die with the parent)."""
    attempt = lab.launch(
        lab.spec(
            "import os, signal, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "if os.fork() == 0: os.setsid()\n"
            "print('ready', flush=True)\n"
            "while True: time.sleep(0.05)\n"
        )
    )
    until(lambda: lab.log(attempt).count("ready") == 2)
    state = until(lambda: lab.backend.observe(attempt).state)
    inside = descendants(state["program_pid"])
    assert len(inside) == 2
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: process_start(state["program_pid"]) != state["program_pid_start"])
    until(lambda: not any(process_start(pid) == start for pid, start in inside.items()))
    assert until(lambda: lab.backend.observe(attempt).phase) == "lost"


@pytest.mark.skipif(not AS_ROOT, reason="the test starts the platform as another user")
def test_platform_without_root_isolates_as_well(tmp_path: Path) -> None:
    """The same program, the platform running as an ordinary user with user namespaces."""
    home = Path(f"/tmp/my-t-plain-{os.getpid()}")
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    script = (
        "import json, sys, time\n"
        "from pathlib import Path\n"
        "from compute.backends import LocalBackend\n"
        "from compute.runner.spec import RunSpec, Limits\n"
        f"home = Path({str(home)!r})\n"
        "backend = LocalBackend(home / 'var', runtime=home / 'run')\n"
        "backend.launch(RunSpec('plain', argv=('/usr/bin/python3', '-c',\n"
        "  'import os; print(os.getuid(), os.path.exists(\"/etc/shadow\"),'\n"
        "  'sorted(os.listdir(\"/home\")))'),\n"
        "  limits=Limits(pids=32)))\n"
        "deadline = time.monotonic() + 300\n"
        "while not backend.observe('plain').final and time.monotonic() < deadline:\n"
        "    time.sleep(0.05)\n"
        "seen = backend.observe('plain')\n"
        "print(json.dumps([seen.state, backend.logs('plain').data.decode()]))\n"
        "backend.remove('plain')\n"
    )
    try:
        done = subprocess.run(
            ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
             "/usr/bin/python3", "-c", script],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600, check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        state, log = json.loads(done.stdout)
        assert state["outcome"] == "succeeded", log
        assert log.split("\n")[0] == "1000 False ['ma-user', 'mind']"
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


def test_missing_bubblewrap_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compute.sandbox.report.find_bwrap", lambda: None)
    monkeypatch.delenv("MODELYARD_ALLOW_WEAK_SANDBOX", raising=False)
    report = capabilities()
    assert report.isolation == "none"
    assert "bubblewrap" in report.fix
    with pytest.raises(SandboxUnavailable, match=r"install.*bubblewrap.*ALLOW_WEAK_SANDBOX=1"):
        report.require()
    monkeypatch.setenv("MODELYARD_ALLOW_WEAK_SANDBOX", "1")
    assert capabilities().isolation == "weak"
    assert capabilities().problems[0].blocking


def test_weak_mode_limits_and_cleans_up_without_isolation(tmp_path: Path) -> None:
    """Limits, identity and a clean environment still hold; a daemon is still ended."""
    from compute.sandbox import JobGroup, start
    from compute.sandbox.report import SandboxReport

    uid = 263_999 if AS_ROOT else 0
    report = SandboxReport("weak", "", "", False, AS_ROOT, 0, (), ())
    group = JobGroup.create(cgroups.discover(), f"weak-{os.getpid()}", SMALL)
    read, write = os.pipe()
    code = (
        "import os, time\nprint(os.getuid(), sorted(os.environ), flush=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(6000)\n"
    )
    spec = SandboxSpec(
        ("/usr/bin/python3", "-c", code), "/", str(tmp_path), env={"A": "1", "LD_PRELOAD": ""},
        limits=SMALL, uid=uid, gid=uid,
    )  # fmt: skip
    job = start(spec, report, write, group)
    os.close(write)
    assert job.wait(300) == 0
    assert job.gone(300)
    job.close()
    group.remove()
    with os.fdopen(read) as output:
        text = output.read()
    assert text.startswith(f"{uid or os.geteuid()} ['A', 'LC_CTYPE', 'LD_PRELOAD']"), text


def test_secrets_of_the_job_are_not_in_the_command_line() -> None:
    """Environment variables travel in a descriptor: /proc/<pid>/cmdline is readable by anybody."""
    from compute.sandbox.command import command_line

    spec = SandboxSpec(("/usr/bin/true",), "/", "/etc-dir", env={"API_KEY": "s3cret"}, uid=5, gid=5)
    argv = command_line(spec, 3, 4, 5)
    assert not any("s3cret" in part for part in argv)
    assert argv[:2] == ["/usr/bin/setpriv", "--reuid=5"]
    assert argv[argv.index("--block-fd") :] == ["--block-fd", "5", "--", "/usr/bin/true"]
    assert b"--setenv\0API_KEY\0s3cret\0" in packed(bwrap_options(spec))


def test_egress_shares_only_the_network() -> None:
    spec = SandboxSpec(("/usr/bin/true",), "/", "/e", (Bind("/x", "/y"),), network="egress")
    options = bwrap_options(spec)
    assert "--share-net" in options
    assert "/etc/resolv.conf" in options
    assert "--share-net" not in bwrap_options(SandboxSpec(("/usr/bin/true",), "/", "/e"))


def of_jobs(uid: int = 0) -> set[str]:
    """Processes under a job identity, unreaped ones too: those still count against its limit."""
    uids = {uid} if uid else set(range(FIRST_UID, FIRST_UID + COUNT))
    found = set()
    for entry in os.scandir("/proc"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit():
                text = Path(entry.path, "status").read_text()
                if int(text.split("Uid:")[1].split()[0]) in uids:
                    found.add(entry.name)
    return found


def began(pid: str) -> float:
    """Start time in clock ticks after boot, of an unreaped process too; infinite for a gone one."""
    try:
        text = Path("/proc", pid, "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return math.inf
    return int(text.rpartition(")")[2].split()[19])


def descendants(pid: int) -> dict[int, int]:
    """pid -> start time of all processes below a process."""
    found: dict[int, int] = {}
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        text = Path(f"/proc/{current}/task/{current}/children").read_text()
        for child in map(int, text.split()):
            found[child] = process_start(child) or 0
            waiting.append(child)
    return found
