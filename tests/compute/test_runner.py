"""One attempt from specification to final state, against a storage server, in real processes."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.runner.spec import Fetch, Input, Limits, Output
from compute.runner.watch import DiskWatch
from compute.sandbox import capabilities
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"
OUT = "import sys\nout = sys.argv[-1].split('=')[1]\n"


def test_whole_attempt_with_inputs_outputs_and_parameters(lab: Lab) -> None:
    """Sub-directories and pages of a listing arrive; argv is exactly what was declared."""
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/d.txt", "e é.txt"):
        lab.storage.put("data", f"mnist/{name}", name)
    lab.storage.put("data", "mnist-other/no.txt", "not below the prefix")
    program = (
        "import json, os, sys\n"
        "root = sys.argv[1].split('=')[1]\n"
        "found = sorted(os.path.relpath(os.path.join(t, f), root)\n"
        "               for t, _, fs in os.walk(root) for f in fs)\n"
        "open(root + '/writable', 'w').close()\n"
        "out = sys.argv[2].split('=')[1]\n"
        "os.makedirs(out + '/model')\n"
        "json.dump([sys.argv, found, os.getcwd()], open(out + '/model/seen.json', 'w'))\n"
    )
    seen = lab.run(
        program,
        inputs=(Input("data_url", "data", "mnist/"),),
        outputs=(Output("train_url", "out", "runs/1"),),
        hyperparameters={"epochs": "3", "verbose": None, "note": "a b;$(x)"},
    )
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("succeeded", ""), seen.state
    argv, found, cwd = json.loads(lab.storage.objects["out", "runs/1/model/seen.json"])
    home = "/home/ma-user/modelarts"
    assert argv == [
        f"{home}/user-job-dir/src/main.py",
        f"--data_url={home}/inputs/data_url_0",
        f"--train_url={home}/outputs/train_url_0",
        "--epochs=3",
        "--verbose",
        "--note=a b;$(x)",
    ]
    assert cwd == f"{home}/user-job-dir/src"
    assert found == sorted(["a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/d.txt", "e é.txt"])
    uploaded = seen.state["detail"]["uploaded"]
    data = lab.storage.objects["out", "runs/1/model/seen.json"]
    assert [(u["path"], u["sha256"]) for u in uploaded] == [
        ("model/seen.json", hashlib.sha256(data).hexdigest())
    ]
    assert seen.state["detail"]["fetched_count"] == 6
    names = [stage["name"] for stage in seen.state["stages"]]
    assert names == [
        "checking", "fetching code", "fetching inputs", "starting", "running", "uploading outputs",
    ]  # fmt: skip
    assert all(stage["seconds"] is not None for stage in seen.state["stages"])


def test_paths_by_variable_and_earlier_outputs(lab: Lab) -> None:
    """A path passed as a variable is no argument. What lies at an output path goes in first where
    it is asked for, so a program goes on from its checkpoint; an empty path is no error."""
    lab.storage.put("data", "mnist/a.txt", "a")
    program = (
        "import os, sys\n"
        "assert len(sys.argv) == 2 and sys.argv[1].startswith('--log='), sys.argv\n"
        "assert os.listdir(os.environ['DATA']) == ['a.txt']\n"
        "path = os.environ['CHECKPOINTS'] + '/deep/step.txt'\n"
        "os.makedirs(os.path.dirname(path), exist_ok=True)\n"
        "step = int(open(path).read()) if os.path.exists(path) else 0\n"
        "open(path, 'w').write(str(step + 1))\n"
        "assert os.listdir(sys.argv[1][6:]) == []\n"
    )
    lab.storage.put("out", "log/old.txt", "stays where it is")
    given: dict[str, Any] = {
        "inputs": (Input("DATA", "data", "mnist/", "env"),),
        "outputs": (
            Output("CHECKPOINTS", "out", "run/", access_method="env", predownload=True),
            Output("log", "out", "log/"),
        ),
    }
    for step in (b"1", b"2"):
        seen = lab.run(program, **given)
        assert seen.state["outcome"] == "succeeded", seen.state
        assert lab.storage.objects["out", "run/deep/step.txt"] == step
    assert lab.storage.objects["out", "log/old.txt"] == b"stays where it is"
    assert seen.state["detail"]["fetched_count"] == 3
    assert [stage["name"] for stage in seen.state["stages"]].count("fetching earlier outputs") == 1


def test_single_object_and_url_are_fetched(lab: Lab) -> None:
    """An input that names one object is that file; kind url streams a file of the API."""
    lab.storage.put("data", "one/table.csv", "1,2")
    lab.storage.files["/models/7/files/model/config.json"] = b"{}"
    digest = hashlib.sha256(b"{}").hexdigest()
    spec = lab.spec(
        "import sys\nprint(open(sys.argv[1].split('=')[1] + '/table.csv').read())\n"
        "print(open('/home/mind/model/config.json').read())\n",
        inputs=(Input("data_url", "data", "one/table.csv"),),
    )
    item = Fetch("url", "model/config.json", url="/models/7/files/model/config.json", sha256=digest)
    seen = lab.wait(lab.launch(replace(spec, fetch=(*spec.fetch, item))))
    assert seen.state["outcome"] == "succeeded", seen.state
    assert "1,2\n{}" in lab.log(spec.attempt)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"inputs": (Input("data_url", "data", "nothing/"),)}, "INPUT_MISSING", "data/nothing"),
        ({"inputs": (Input("data_url", "secret", "x/"),)}, "INPUT_DENIED", "deny-all"),
        ({"inputs": (Input("data_url", "bad", ""),)}, "INPUT_INVALID", "../../etc/passwd"),
        ({"inputs": (Input("data_url", "clash", ""),)}, "INPUT_INVALID", "'a/b'"),
        ({"boot_file": "tools/main.py"}, "BOOT_FILE_MISSING", "Did you mean main.py?"),
        ({"engine": "/nonexistent/engine"}, "ENGINE_MISSING", "/nonexistent/engine"),
        ({"limits": Limits(disk_mb=1), "inputs": (Input("x", "large"),)}, "DISK_FULL", "1 MB"),
    ],
)  # fmt: skip
def test_preparation_fails_with_a_reason(
    lab: Lab, change: dict[str, Any], code: str, says: str
) -> None:
    """Nothing of the user's runs, and the sentence names the thing."""
    lab.storage.denied.add("secret")
    lab.storage.put("bad", "../../etc/passwd", "x")
    lab.storage.put("clash", "a", "x")
    lab.storage.put("clash", "a/b", "x")
    lab.storage.put("large", "x", bytes(2 << 20))
    seen = lab.run("print('must not run')", **change)
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("failed", code)
    assert says in seen.state["message"]
    assert seen.state["exit_code"] is None
    assert "must not run" not in lab.log(seen.attempt).replace("main.py", "")


def test_damaged_download_is_tried_again(lab: Lab) -> None:
    lab.storage.corrupt_gets = 1
    assert lab.run("print('ok')").state["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("program", "code", "says", "location"),
    [
        ("def f():\n    raise ValueError('bad rate')\nf()\n", "USER_CODE", "bad rate", "main.py:2"),
        ("import json\njson.loads('{')\n", "USER_CODE", "JSONDecodeError", "main.py:2"),
        ("x = (\n", "USER_CODE", "SyntaxError", "main.py:1"),
        ("import torch_geometric\n", "NO_MODULE", "torch_geometric", "main.py:1"),
        ("import sys; sys.exit(3)\n", "USER_CODE", "exit code 3", None),
        ("import os; os.kill(os.getpid(), 11)\n", "USER_CODE", "SIGSEGV", None),
        ("import os; os.kill(os.getpid(), 9)\n", "KILLED_137", "no sign of memory", None),
        ("import argparse\np = argparse.ArgumentParser()\np.parse_args()\n",
         "BAD_ARGS", "unrecognized arguments: --foo=1", None),
    ],
)  # fmt: skip
def test_failures_are_named_with_proof(
    lab: Lab, program: str, code: str, says: str, location: str | None
) -> None:
    seen = lab.run(program, hyperparameters={"foo": "1"})
    assert seen.state["reason_code"] == code, seen.state
    assert says in seen.state["message"]
    assert seen.state["detail"].get("location") == location


def test_failed_run_still_keeps_its_outputs(lab: Lab) -> None:
    seen = lab.run(
        OUT + "open(out + '/part', 'w').write('half')\nraise RuntimeError('later')\n",
        outputs=(Output("train_url", "out", "f"),),
    )
    assert seen.state["reason_code"] == "USER_CODE"
    assert lab.storage.objects["out", "f/part"] == b"half"


def test_periodic_copy_only_of_what_changed(lab: Lab) -> None:
    """A new file is in the bucket while the program runs; an unchanged one is not sent again."""
    attempt = lab.launch(
        lab.spec(
            OUT + "import os, time\nopen(out + '/log.1', 'w').write('one')\n"
            "while not os.path.exists('/home/ma-user/go'): time.sleep(0.05)\n"
            "open(out + '/log.2', 'w').write('two')\n",
            outputs=(Output("train_url", "out", "p", sync_seconds=0.2),),
        )
    )
    until(lambda: ("out", "p/log.1") in lab.storage.objects)
    assert lab.backend.observe(attempt).phase == "running"
    (lab.work(attempt) / "home/go").touch()
    seen = lab.wait(attempt)
    assert seen.state["outcome"] == "succeeded"
    assert lab.storage.objects["out", "p/log.2"] == b"two"
    puts = [path for method, path in lab.storage.requests if method == "PUT"]
    assert sum(path.endswith("log.1") for path in puts) == 1


def test_links_pipes_sockets_and_strange_names_are_skipped(lab: Lab) -> None:
    """Nothing outside the output directory can be smuggled out through it."""
    secret = lab.root / "secret"
    secret.write_text("of the host")
    seen = lab.run(
        OUT + "import os, socket\n"
        f"os.symlink({str(secret)!r}, out + '/link')\n"
        "os.symlink('/etc', out + '/dirlink')\n"
        "os.symlink('/home/ma-user/modelarts/user-job-dir', out + '/own')\n"
        "os.mkfifo(out + '/pipe')\n"
        "socket.socket(socket.AF_UNIX).bind(out + '/sock')\n"
        "open(os.fsencode(out) + b'/\\xff\\xfe', 'w').close()\n"
        "open(out + '/empty', 'w').close()\n"
        "f = open(out + '/sparse', 'wb'); f.truncate(2 << 20); f.close()\n",
        outputs=(Output("train_url", "out", "l"),),
    )
    assert seen.state["outcome"] == "succeeded", seen.state
    keys = {key for bucket, key in lab.storage.objects if bucket == "out"}
    assert keys == {"l/empty", "l/sparse"}
    log = lab.log(seen.attempt)
    for text in ("link is a link", "dirlink is a link", "pipe is a pipe", "sock is a socket",
                 "not UTF-8"):  # fmt: skip
        assert text in log


def test_refused_upload_is_a_failure_that_can_be_retried(lab: Lab) -> None:
    """Exit 0 is not enough: the job failed until its files are in the bucket; the retry sends
    only what is missing."""
    lab.storage.refuse_puts = "second"
    seen = lab.run(
        OUT + "open(out + '/first', 'w').write('1')\nopen(out + '/second', 'w').write('2')\n",
        outputs=(Output("train_url", "out", "u"),),
    )
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("failed", "UPLOAD_FAILED")
    assert seen.state["exit_code"] == 0
    assert "1 of 2" in seen.state["message"]
    assert "the bucket is full" in seen.state["message"]
    assert list(seen.state["detail"]["failed_uploads"]) == ["train_url/second"]

    lab.storage.refuse_puts = ""
    sequence = seen.state["seq"]
    lab.backend.retry_upload(seen.attempt)
    until(lambda: lab.backend.observe(seen.attempt).state["outcome"] == "succeeded")
    again = lab.wait(seen.attempt)
    assert again.state["reason_code"] == ""
    assert again.state["seq"] > sequence
    assert lab.storage.objects["out", "u/second"] == b"2"
    puts = [path for method, path in lab.storage.requests if method == "PUT"]
    assert sum(path.endswith("first") for path in puts) == 1


def test_secrets_are_masked_in_the_log(lab: Lab) -> None:
    """Also in the last lines that a failure repeats, and across pieces of output."""
    seen = lab.run(
        "import os, sys\nsecret = os.environ['TOKEN']\n"
        "sys.stdout.write('begin ' + secret[:5]); sys.stdout.flush()\n"
        "sys.stdout.write(secret[5:] + ' end\\n'); sys.stdout.flush()\n"
        "raise ValueError('bad key ' + secret)\n",
        env={"TOKEN": "s3cr3t-value", "MODE": "visible-value"},
        masked=("TOKEN",),
    )
    assert "begin *** end" in lab.log(seen.attempt)
    assert seen.state["detail"]["exception"] == "ValueError: bad key ***"
    state = (lab.backend.directory(seen.attempt) / "state.json").read_text()
    assert "s3cr3t-value" not in state + lab.log(seen.attempt)


def test_busy_storage_is_waited_for(lab: Lab) -> None:
    lab.storage.fail_puts = 1
    seen = lab.run(OUT + "open(out + '/x', 'w').write('1')\n",
                   outputs=(Output("train_url", "out", "b"),))  # fmt: skip
    assert seen.state["outcome"] == "succeeded"


def test_time_limit_stops_and_keeps_outputs(lab: Lab) -> None:
    """The limit is a stop with a reason, not a failure (as in the vendor's service)."""
    seen = lab.run(
        OUT + "open(out + '/x', 'w').write('1')\n" + HOLD,
        outputs=(Output("train_url", "out", "t"),),
        limits=Limits(memory_mb=256, wall_seconds=0.5),
    )
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("stopped", "MAX_DURATION")
    assert lab.storage.objects["out", "t/x"] == b"1"


def test_disk_of_the_whole_attempt_is_bounded(lab: Lab, tmp_path: Path) -> None:
    """Many files that each stay below their limit: counted together, and a sparse one is cheap."""
    for number in range(3):
        (tmp_path / f"f{number}").write_bytes(bytes(400_000))
    with (tmp_path / "sparse").open("wb") as handle:
        handle.truncate(1 << 30)
    watch = DiskWatch([tmp_path], 1 << 20)
    watch.measure()
    assert watch.exceeded
    assert 1_200_000 <= watch.used < 2_000_000
    small = Limits(memory_mb=256, disk_mb=4)
    seen = lab.run(
        "import time\nfor n in range(8): open(f'f{n}', 'wb').write(bytes(1 << 20))\n" + HOLD,
        limits=small,
    )
    assert seen.state["reason_code"] == "DISK_FULL"
    assert "4 MB" in seen.state["message"]


def test_newer_attempt_fences_the_older(lab: Lab) -> None:
    """A higher token ends the program at once and nothing is uploaded any more."""
    attempt = lab.launch(
        lab.spec(OUT + "open(out + '/x', 'w').write('1')\n" + HOLD,
                 outputs=(Output("train_url", "out", "z", sync_seconds=0),))
    )  # fmt: skip
    until(lambda: "ready" in lab.log(attempt))
    lab.backend.fence(attempt, 2)
    seen = lab.wait(attempt)
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("stopped", "FENCED")
    assert ("out", "z/x") not in lab.storage.objects


def test_stop_during_preparation(lab: Lab) -> None:
    """A stop that comes before the program runs ends the attempt without running it."""
    spec = lab.spec("print('must not run')", inputs=(Input("data_url", "data", "d/"),))
    lab.storage.put("data", "d/x", "1")
    lab.storage.corrupt_gets = 1000  # every download is refused by its digest and tried again
    attempt = lab.launch(spec)
    until(lambda: lab.backend.observe(attempt).phase == "preparing")
    lab.backend.stop(attempt)
    seen = lab.wait(attempt)
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("stopped", "STOPPED_BY_USER")
    assert seen.state["exit_code"] is None


def test_service_answers_on_its_socket_until_stopped(lab: Lab) -> None:
    """A server without network is reached by its socket; ending by itself is a failure."""
    server = (
        "import os, socket\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(os.environ['MODELYARD_SOCKET']); s.listen()\n"
        "while True:\n    c, _ = s.accept(); c.sendall(b'pong'); c.close()\n"
    )
    attempt = lab.launch(
        lab.spec("", kind="service", fetch=(), boot_file="", code_name="",
                 argv=("/opt/engine/bin/python", "-u", "-c", server))
    )  # fmt: skip
    path = lab.backend.socket_path(attempt)
    until(path.exists)
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as client:
        until(lambda: client.connect_ex(str(path)) in (0, 106))
        assert client.recv(10) == b"pong"
    assert lab.backend.observe(attempt).phase == "running"
    lab.backend.stop(attempt, 2)
    assert lab.wait(attempt).state["reason_code"] == "STOPPED_BY_USER"
    gone = lab.run("", kind="service", fetch=(), boot_file="", code_name="",
                   argv=("/usr/bin/true",))  # fmt: skip
    assert gone.state["reason_code"] == "SERVICE_EXITED"


def test_credential_never_reaches_the_program_or_the_process_list(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    state = lab.backend.observe(attempt).state
    for pid in (state["pid"], state["program_pid"]):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as handle:
                assert b"my_test" not in handle.read()
    assert "my_test" not in (lab.backend.directory(attempt) / "spec.json").read_text()


def test_output_directory_swapped_for_a_link_uploads_nothing(lab: Lab) -> None:
    """The output directory itself, replaced by a link into the host, is refused, not followed."""
    secret = lab.root / "hosts"
    secret.mkdir()
    (secret / "key").write_text("private")
    seen = lab.run(
        OUT + f"import os\nos.rmdir(out)\nos.symlink({str(secret)!r}, out)\n",
        outputs=(Output("train_url", "out", "s"),),
    )
    assert seen.state["reason_code"] == "UPLOAD_FAILED"
    assert not any(bucket == "out" for bucket, _ in lab.storage.objects)
    assert os.path.exists(secret / "key")
