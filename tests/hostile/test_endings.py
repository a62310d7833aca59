"""How a user's program may end, and what the user then reads."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.agency import services as agencies
from core.errors import Conflict, ValidationFailed
from core.services import perform
from storage.object import services as objects
from storage.object.models import StoredObject
from tests.accounts import make
from tests.hostile.house import HOLD, OUT, TURN, House, ended, without
from tests.storage import people
from training.job import services as jobs


def test_traceback_names_file_and_line(house: House) -> None:
    job = house.run("def f():\n    raise ValueError('bad rate')\nf()\n")
    told = ended(house, job, "Failed", "USER_CODE", "ValueError: bad rate", location="main.py:2")
    assert told["detail"]["exit_code"] == 1
    assert "Open the log" in told["detail"]["next"]


def test_arguments_refused_by_argparse(house: House) -> None:
    program = "import argparse\np = argparse.ArgumentParser()\np.parse_args()\n"
    job = house.run(program, hyperparameters={"rate": "0.1"})
    told = ended(house, job, "Failed", "BAD_ARGS", "unrecognized arguments", "--rate=0.1")
    assert told["detail"]["exit_code"] == 2


def test_missing_module(house: House) -> None:
    job = house.run("import torch_geometric\n")
    ended(house, job, "Failed", "NO_MODULE", "torch_geometric", location="main.py:1")


def test_killed_from_inside(house: House) -> None:
    """137 without the kernel's proof of a memory shortage is not called one."""
    job = house.run("import os\nos.kill(os.getpid(), 9)\n")
    told = ended(house, job, "Failed", "KILLED_137", "no sign of memory shortage")
    assert (told["detail"]["exit_code"], told["detail"]["oom"]) == (137, False)


def test_crash_by_signal(house: House) -> None:
    job = house.run("import os\nos.kill(os.getpid(), 11)\n")
    ended(house, job, "Failed", "USER_CODE", "SIGSEGV")


def test_exit_without_a_word(house: House) -> None:
    job = house.run("raise SystemExit(3)\n")
    ended(house, job, "Failed", "USER_CODE", "exit code 3")


def test_bytes_that_are_no_text(house: House) -> None:
    """Any byte, NUL and escapes among them, in the log, in an exception and in a metric's name."""
    job = house.run(
        "import sys\n"
        "sys.stdout.buffer.write(bytes(range(256)) * 40 + b'\\n\\0loss=1 step=2\\0\\n')\n"
        "sys.stdout.buffer.write(b'loss=nan step=1\\nloss=1e999 step=1\\nloss=0.5 step=1e999\\n')\n"
        "sys.stdout.flush()\n"
        "raise ValueError('nul \\0 escape \\x1b[31m surrogate \\udcff <script>alert(1)</script>')\n"
    )
    told = ended(house, job, "Failed", "USER_CODE", "ValueError: nul")
    page = house.page(f"/training-jobs/{job.pk}")
    assert "<script>alert(1)" not in page
    assert "\0" not in page + told["message"]
    assert "�" in house.api(f"/training-jobs/{job.pk}/logs")["text"]
    series = house.api(f"/training-jobs/{job.pk}/metrics")["series"]
    assert series == {"loss": [[2.0, 1.0], [2.0, 0.5]]}, "no infinity, no NaN, in JSON"


def test_success_without_output_says_so(house: House) -> None:
    job = house.run("print('done')\n")
    ended(house, job, "Completed", "", "nothing was written")


# -- the code ------------------------------------------------------------------------------------


def test_boot_file_missing_at_submission(house: House) -> None:
    with pytest.raises(ValidationFailed, match="does not exist") as refused:
        house.submit("print(1)", boot_file="train.py")
    assert refused.value.problems[0].code == "BOOT_FILE_MISSING"


def test_boot_file_empty_at_submission(house: House) -> None:
    with pytest.raises(ValidationFailed, match="is empty"):
        house.submit("")


def test_boot_file_that_is_a_directory(house: House) -> None:
    house.put("code1/train.py/inside.py", "print(1)")
    with pytest.raises(ValidationFailed, match="does not exist"):
        house.submit("print(1)", boot_file="train.py")


def test_boot_file_became_a_directory_before_the_start(house: House) -> None:
    job = house.submit("print(1)")
    remove(house, "code1/main.py")
    house.put("code1/main.py/train.py", "print(1)")
    ended(house, house.over(job), "Failed", "BOOT_FILE_MISSING", "main.py/train.py")


def test_code_directory_that_disappears_before_the_start(house: House) -> None:
    job = house.submit("print(1)")
    remove(house, "code1/main.py")
    told = ended(house, house.over(job), "Failed", "INPUT_MISSING", "team1/code1")
    assert told["detail"]["exit_code"] is None


def test_boot_file_that_disappears_before_the_start(house: House) -> None:
    job = house.submit("print(1)")
    house.put("code1/other.py", "print(1)")
    remove(house, "code1/main.py")
    ended(house, house.over(job), "Failed", "BOOT_FILE_MISSING", "main.py", "other.py")


@pytest.mark.parametrize("boot", ["../main.py", "/etc/passwd.py", "a/../../x.py"])
def test_boot_file_outside_the_code(house: House, boot: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        house.submit("print(1)", boot_file=boot)
    assert refused.value.problems[0].code == "BOOT_FILE"


# -- who may -------------------------------------------------------------------------------------


def test_output_path_in_use(house: House) -> None:
    """While one job writes there; the answer names it, and the path is free afterwards."""
    job = house.ready(house.submit(HOLD))
    with pytest.raises(Conflict, match="job1") as busy:
        house.submit("print(1)", outputs=job.outputs)
    assert busy.value.code == "OUTPUT_BUSY"
    house.stop(job)
    ended(house, house.over(job), "Terminated", "STOPPED_BY_USER")
    again = house.run("print(1)", outputs=job.outputs)
    ended(house, again, "Completed", "")


def test_agency_deleted_while_queued(house: House) -> None:
    job = house.submit("print('must not run')")
    with TURN:
        house.agency.delete()
    told = ended(house, house.over(job), "Failed", "AUTHORISATION_LOST", "agency was deleted")
    assert "agency" in told["detail"]["next"]
    assert house.log(job) == ""


def test_agency_revoked_while_queued(house: House) -> None:
    job = house.submit("print('must not run')")
    revoke(house)
    ended(house, house.over(job), "Failed", "AUTHORISATION_LOST")


def test_rights_of_the_agency_lost_while_queued(house: House) -> None:
    """The agency is there and may no longer read: the fetch names the right that is missing."""
    job = house.submit("print('must not run')")
    without(house.agency)
    ended(house, house.over(job), "Failed", "INPUT_DENIED", "obs:bucket:ListBucket")


def test_agency_revoked_while_running(house: House) -> None:
    """The program ends, but its outputs may not be stored: failed, never Completed."""
    job = house.submit(
        OUT + "import time\nprint('ready', flush=True)\n"
        "while not os.path.exists(out + '/go'): time.sleep(0.05)\n"
        "open(out + '/model', 'w').write('x')\n"
    )
    job = house.ready(job)
    revoke(house)
    go = house.work(house.attempts(job)[-1])
    (go / "home/modelarts/outputs/train_url_0/go").write_text("")
    told = ended(house, house.over(job), "Failed", "UPLOAD_FAILED", "authorisation lost", "revoked")
    assert "{" not in told["message"], "a person reads this"
    assert told["detail"]["exit_code"] == 0
    assert house.outputs(job) == {}


def test_an_upload_that_failed_is_retried_and_completes(house: House) -> None:
    """Nothing is trained again: the file that the program wrote the first time arrives."""
    job = house.submit(
        OUT + "import time\nprint('ready', flush=True)\n"
        "while not os.path.exists(out + '/go'): time.sleep(0.05)\n"
        "open(out + '/model', 'w').write('weights')\n"
    )
    job = house.ready(job)
    without(house.agency)
    go = house.work(house.attempts(job)[-1])
    (go / "home/modelarts/outputs/train_url_0/go").write_text("")
    ended(house, house.over(job), "Failed", "UPLOAD_FAILED", "PutObject")
    assert house.outputs(job) == {}
    with TURN:
        make.attach(house.agency, make.statement("Allow", "obs:*:*"))
        job = perform(house.owner.actor, job, "retry-upload", {})
    assert (job.phase, job.secondary) == ("Running", "Uploading")
    job = house.over(job)
    assert (job.phase, job.reason) == ("Completed", ""), job.message
    assert house.outputs(job)["model"] == b"weights"
    assert house.log(job).count("ready") == 1 and len(house.attempts(job)) == 1


def revoke(house: House) -> None:
    with TURN, transaction.atomic():
        agencies.revoke(house.owner.actor, house.agency, {})


def remove(house: House, key: str) -> None:
    """The object is gone without the product's leave: the console refuses while a job needs it."""
    with TURN:
        with pytest.raises(Conflict, match="reads its code"):
            objects.delete_object(house.owner.actor, "team1", key)
        StoredObject.objects.unscoped("test").get(key=key).delete()


def test_two_jobs_never_share_an_output_path_inside_another(house: House) -> None:
    house.submit("print(1)", outputs=[place("out")])
    with pytest.raises(Conflict) as busy:
        house.submit("print(1)", outputs=[place("out/deeper")])
    assert busy.value.code == "OUTPUT_BUSY"


def test_another_accounts_bucket_is_as_if_it_did_not_exist(house: House) -> None:
    stranger = people.root("stranger")
    people.bucket(stranger, "theirs")
    for field in ("inputs", "outputs"):
        with pytest.raises(ValidationFailed) as refused:
            house.submit("print(1)", **{field: [place("x", "theirs", "data_url")]})
        assert refused.value.problems[0].code in ("BUCKET_MISSING", "NOT_FOUND")
    assert jobs.TrainingJob.objects.unscoped("test").count() == 0


def place(prefix: str, bucket: str = "team1", name: str = "train_url") -> dict[str, str]:
    return {"name": name, "bucket": bucket, "prefix": prefix}
