"""What a sandboxed program sees of the kernel's own file systems."""

from __future__ import annotations

import pytest

from compute.runner.spec import Limits
from compute.sandbox import capabilities
from compute.sandbox.command import HIDDEN_DIRECTORIES, HIDDEN_FILES
from tests.compute.helpers import Lab

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)


def test_memory_below_dev_is_bounded_and_proc_hides_what_containers_hide(lab: Lab) -> None:
    """Shared memory is as large as the job's; what is hidden of /proc is empty or not there."""
    seen = lab.run(
        "import os\n"
        "def read(name):\n"
        "    try:\n        return open(f'/proc/{name}').read()\n"
        "    except OSError:\n        return ''\n"
        "def write(path):\n"
        "    try:\n        return open(path, 'w').close()\n"
        "    except OSError as error:\n        return error.errno\n"
        "shared = os.statvfs('/dev/shm')\n"
        "print(shared.f_blocks * shared.f_frsize >> 20, write('/dev/shm/x'), write('/dev/x'))\n"
        f"print([name for name in {HIDDEN_FILES} if read(name)],\n"
        f"      [name for name in {HIDDEN_DIRECTORIES} if os.path.exists(f'/proc/{{name}}')\n"
        "       and os.listdir(f'/proc/{name}')])\n"
        "import resource, multiprocessing.shared_memory\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "one = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)\n"
        "one.close(), one.unlink()\n",
        limits=Limits(memory_mb=128, pids=64, file_size_mb=64, disk_mb=256, tmp_mb=32),
    )
    assert seen.state["outcome"] == "succeeded", lab.log(seen.attempt)
    log = lab.log(seen.attempt)
    assert "128 None 30\n[] []\n(1, 1)\n" in log, log
