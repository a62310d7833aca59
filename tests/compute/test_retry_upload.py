"""The process that uploads again: started once, killed, without files."""

from __future__ import annotations

import datetime as dt
import os
import signal
from typing import Any

import pytest

from compute.backends.base import BackendError
from compute.runner.spec import Output
from tests.compute.helpers import Lab
from tests.compute.test_runner import OUT
from tests.waiting import until


@pytest.fixture
def failed(lab: Lab) -> Any:
    """An attempt whose one file was refused."""
    lab.storage.refuse_puts = "model"
    seen = lab.run(
        OUT + "open(out + '/model', 'w').write('1')\n", outputs=(Output("train_url", "out", "u"),)
    )
    assert seen.state["reason_code"] == "UPLOAD_FAILED"
    assert lab.backend.may_retry_upload(seen.attempt)
    return seen


def test_asked_five_times_it_starts_once(lab: Lab, failed: Any) -> None:
    lab.storage.refuse_puts = ""
    for _time in range(5):
        lab.backend.retry_upload(failed.attempt)
    until(lambda: lab.backend.observe(failed.attempt).state["outcome"] == "succeeded")
    again = lab.wait(failed.attempt)
    assert not lab.backend.may_retry_upload(failed.attempt)
    assert [stage["name"] for stage in again.state["stages"]] == ["uploading outputs"]
    puts = [path for method, path in lab.storage.requests if method == "PUT"]
    assert sum(path.endswith("model") for path in puts) == 2, "the refused one and the good one"


def test_killed_while_it_uploads_it_may_be_asked_again(lab: Lab, failed: Any) -> None:
    lab.storage.refuse_puts = ""
    lab.storage.fail_puts = 1_000_000  # busy: the process waits and tries
    lab.backend.retry_upload(failed.attempt)
    state = until(
        lambda: (seen := lab.backend.observe(failed.attempt)).phase == "uploading" and seen.state
    )
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: lab.backend.observe(failed.attempt).phase == "lost")
    assert lab.backend.may_retry_upload(failed.attempt)
    lab.storage.fail_puts = 0
    lab.backend.retry_upload(failed.attempt)
    until(lambda: lab.backend.observe(failed.attempt).state["outcome"] == "succeeded")
    assert lab.storage.objects["out", "u/model"] == b"1"


def test_without_its_files_there_is_nothing_to_retry(lab: Lab, failed: Any) -> None:
    until(lambda: not lab.backend.observe(failed.attempt).alive)
    assert lab.backend.prune(failed.attempt, dt.timedelta(0))
    assert not lab.backend.may_retry_upload(failed.attempt)
    with pytest.raises(BackendError, match="files are gone"):
        lab.backend.retry_upload(failed.attempt)
