"""Programs that look around: for other accounts, other jobs, the platform and the network."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from django.conf import settings

from compute import local
from tests.hostile.house import HOLD, TURN, House, ended, probe
from tests.storage import people

LOOK = """
import json, os, socket, sys, urllib.request

def read(path):
    try:
        if os.path.isdir(path):
            return os.listdir(path)
        with open(path, 'rb') as f:
            return f.read(4096).decode('utf-8', 'replace')
    except OSError as error:
        return type(error).__name__

def connect(host, port, kind=socket.AF_INET):
    s = socket.socket(kind)
    s.settimeout(2)
    try:
        s.connect(host if kind == socket.AF_UNIX else (host, port))
        return 'connected'
    except OSError as error:
        return type(error).__name__
    finally:
        s.close()

def write(path):
    try:
        with open(path, 'a') as f:
            f.write('x')
        return 'written'
    except OSError as error:
        return type(error).__name__

found = {}
"""


def told(house: House, body: str) -> dict[str, Any]:
    """Run a probing program and return what it found."""
    job = house.run(LOOK + body + "\nprint('FOUND ' + json.dumps(found))\n")
    ended(house, job, "Completed", "")
    line = next(one for one in house.log(job).splitlines() if one.startswith("FOUND "))
    return json.loads(line[6:])  # type: ignore[no-any-return]


def test_network(house: House) -> None:
    """Nothing answers: not the API, the broker, the gateway, the metadata address, nor DNS."""
    port = int(house_port(house))
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = told(
            house,
            f"found['api'] = connect('127.0.0.1', {port})\n"
            f"found['service'] = connect('127.0.0.1', {other.getsockname()[1]})\n"
            "found['broker'] = connect('127.0.0.1', 6379)\n"
            "found['metadata'] = connect('169.254.169.254', 80)\n"
            "found['outside'] = connect('1.1.1.1', 53)\n"
            "found['abstract'] = connect('\\0/tmp/.X11-unix/X0', 0, socket.AF_UNIX)\n"
            "try:\n    found['dns'] = socket.gethostbyname('example.com')\n"
            "except OSError as error:\n    found['dns'] = type(error).__name__\n"
            "found['interfaces'] = [name for _, name in socket.if_nameindex()]\n",
        )
    with probe(found):
        assert found.pop("interfaces") == ["lo"]
        assert "connected" not in found.values()
        assert found["dns"] in ("gaierror", "herror")


def test_the_platform_and_the_host(house: House) -> None:
    """Database, secrets, settings, broker socket, credential, shadow: not even their names."""
    database = str(settings.DATABASES["default"]["NAME"])
    places = {
        "shadow": "/etc/shadow",
        "var": str(settings.VAR_DIR),
        "database": database if database.startswith("/") else str(settings.BASE_DIR),
        "secrets": str(settings.BASE_DIR / "var" / "secrets.json"),
        "settings": str(settings.BASE_DIR / "console" / "settings" / "__init__.py"),
        "broker": str(settings.VAR_DIR / "broker"),
        "objects": str(settings.VAR_DIR / "objects"),
        "credentials": str(local.credential_file("x").parent),
        "attempts": str(house.backend.attempts),
        "sockets": str(house.backend.socket_path("x").parent.parent),
        "uids": "/run/modelyard-uids",
        "root": "/root",
        "spec": "/home/ma-user/../../spec.json",
    }
    found = told(house, f"found = {{k: read(v) for k, v in {places!r}.items()}}\n")
    with probe(found):
        assert set(found.values()) == {"FileNotFoundError"}


def test_processes_and_environment_of_the_platform(house: House) -> None:
    """It sees itself; the platform's variables, credential and command lines are elsewhere."""
    found = told(
        house,
        "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "found['count'] = len(pids)\n"
        "found['lines'] = [read(f'/proc/{p}/cmdline') for p in pids]\n"
        "found['env'] = ''.join(read(f'/proc/{p}/environ') for p in pids)\n"
        "found['init'] = read('/proc/1/root/etc/shadow')\n"
        "found['fds'] = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
        "                if os.path.lexists(f'/proc/self/fd/{n}')]\n"
        "found['kill'] = []\n"
        f"for pid in ({os.getpid()}, {os.getppid()}):\n"
        "    try:\n        os.kill(pid, 9)\n        found['kill'].append('killed')\n"
        "    except OSError as error:\n        found['kill'].append(type(error).__name__)\n",
    )
    with probe(found):
        assert found["count"] <= 3
        assert not any("runner" in line or "pytest" in line for line in found["lines"])
        for word in ("my_", "SECRET", "DATABASE", "DJANGO", "PYTEST", "REDIS"):
            assert word not in found["env"].replace("MODELYARD_", "")
        assert found["init"] == "FileNotFoundError"
        assert all(fd.startswith(("/dev/null", "pipe:", "/proc/")) for fd in found["fds"])
        assert set(found["kill"]) == {"ProcessLookupError"}


def test_another_job_while_both_run(house: House) -> None:
    """Neither its files, nor its processes, nor its temporary directory."""
    other = house.ready(house.submit("open('/tmp/mine', 'w').write('secret')\n" + HOLD))
    attempt = house.attempts(other)[-1]
    directory = house.backend.directory(attempt)
    found = told(
        house,
        f"found['directory'] = read({str(directory)!r})\n"
        f"found['outputs'] = read({str(directory / 'work/home/modelarts/outputs')!r})\n"
        "found['tmp'] = read('/tmp')\n"
        "found['jobs'] = read('/home/ma-user/modelarts/user-job-dir')\n"
        "found['shared memory'] = read('/dev/shm')\n",
    )
    with probe(found):
        assert found["directory"] == found["outputs"] == "FileNotFoundError"
        assert found["tmp"] == [] and found["shared memory"] == []
        assert found["jobs"] == ["code2"]
    house.stop(other)
    ended(house, house.over(other), "Terminated", "STOPPED_BY_USER")


def test_writes_to_engine_system_and_the_source_of_its_code(house: House) -> None:
    """Engine and system are read-only; its copy of the code is its own, the bucket's is not."""
    found = told(
        house,
        "found['engine'] = write('/opt/engine/bin/python')\n"
        "found['new in engine'] = write('/opt/engine/sitecustomize.py')\n"
        "found['usr'] = write('/usr/lib/x')\nfound['etc'] = write('/etc/passwd')\n"
        "found['root'] = write('/x')\nfound['sys'] = write('/proc/sys/kernel/core_pattern')\n"
        "found['sysrq'] = write('/proc/sysrq-trigger')\n"
        "found['code'] = write(__file__)\n",
    )
    with probe(found):
        assert found.pop("code") == "written"
        assert "written" not in found.values()
    assert house.run("print(1)", code_prefix="code1").phase == "Completed"
    again = house.submit("print(1)", code_prefix="code1")
    assert house.over(again).phase == "Completed"


def test_bucket_of_another_account(house: House) -> None:
    """The credential is not in the sandbox; and even with it, the job is its owner and no more."""
    stranger = people.root("stranger")
    people.bucket(stranger, "theirs")
    with TURN:
        people.put(stranger, "theirs", "secret.txt", b"not yours")
    job = house.ready(house.submit(HOLD))
    bearer = local.credential_file(house.attempts(job)[-1]).read_text()
    from django.test import Client

    api = Client(headers={"Authorization": f"Bearer {bearer}"})
    with TURN:
        assert api.get("/api/v1/buckets/team1/objects?prefix=code1").status_code == 200
        assert api.get("/api/v1/buckets/theirs/objects?prefix=").status_code == 404
        assert api.get("/api/v1/buckets/theirs/objects/secret.txt").status_code == 404
        # Nor may it make itself a longer life, or people.
        for path in ("/api/v1/tokens", "/api/v1/users"):
            answer = api.post(path, {"name": "x"}, content_type="application/json")
            assert answer.status_code in (403, 404, 405), answer.content
    house.stop(job)
    ended(house, house.over(job), "Terminated", "STOPPED_BY_USER")
    with TURN:
        assert api.get("/api/v1/buckets/team1/objects?prefix=code1").status_code == 401


def test_nested_sandbox_and_privileges(house: House) -> None:
    """No new namespaces, no set-uid program, no capability: the usual ways out are shut."""
    found = told(
        house,
        "status = dict(l.split(':\\t', 1) for l in open('/proc/self/status').read().splitlines()\n"
        "              if ':\\t' in l)\n"
        "found['caps'] = sorted({status[k] for k in status if k.startswith('Cap')})\n"
        "found['nnp'] = status['NoNewPrivs']\n"
        "found['unshare'] = os.system('unshare -Ur true 2>/dev/null') != 0\n"
        "found['mount'] = os.system('mount -t tmpfs none /tmp 2>/dev/null') != 0\n"
        "found['uid'] = os.getuid()\n"
        "found['devices'] = sorted(os.listdir('/dev'))\n"
        "try:\n    os.mknod('/tmp/sda', 0o60600, 2048)\n    found['mknod'] = 'made'\n"
        "except OSError as error:\n    found['mknod'] = type(error).__name__\n",
    )
    with probe(found):
        assert found["caps"] == ["0000000000000000"]
        assert found["nnp"].strip() == "1"
        assert found["unshare"] and found["mount"]
        assert found["uid"] == 1000
        assert found["mknod"] == "PermissionError"
        assert set(found["devices"]) <= {
            "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr",
            "stdin", "stdout", "tty", "urandom", "zero",
        }  # fmt: skip


def house_port(house: House) -> str:
    assert house.owner
    return str(settings.WEB_URL).rpartition(":")[2]


def test_the_credential_is_the_platforms_own_file(house: House) -> None:
    job = house.ready(house.submit(HOLD))
    path = local.credential_file(house.attempts(job)[-1])
    assert path.stat().st_mode & 0o077 == 0
    assert Path(path).stat().st_uid == os.geteuid()
    assert path.read_text() not in house.log(job)
    house.stop(job)
    ended(house, house.over(job), "Terminated", "STOPPED_BY_USER")
