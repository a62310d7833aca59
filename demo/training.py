"""Steps 4 and 5: a training job, its log as it runs, its outputs, and the model made of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from client import StepFailed, brief, wait
from demo.data import CODE, OUTPUT
from demo.story import Story

EPOCHS = 12
JOB_WITHIN = 300
FLAVOR, POOL = "modelyard.cpu.1u", "public"
EPOCH_END = re.compile(r"^epoch=(\d+) .*val_accuracy=([0-9.]+)", re.MULTILINE)
MODEL_FILES = {"config.json", "customize_service.py"}
TERMINAL = ("Completed", "Failed", "Terminated")


def train(story: Story) -> None:
    """A real process trains on the dataset version; its words are printed as they come."""
    with story.report.step("Training job") as step:
        _pool_fits(story)
        job = story.developer.post("/training-jobs", _specification(story))
        story.developer.found("/training-jobs", job)
        story.made["job"] = job
        story.say(f"job {job['name']} accepted: {story.engine}, {FLAVOR}, pool {POOL}")
        story.see(f"/training-jobs/{job['id']}")
        follower = _Follower(story, job["id"])
        job = wait(
            f"Job {job['name']}", follower.look, lambda row: row["phase"] in TERMINAL,
            within=JOB_WITHIN,
        )  # fmt: skip
        follower.rest()
        if job["phase"] != "Completed":
            raise StepFailed(f"Job {job['name']}: {brief(job)}\n{job['detail']}")
        _metrics_kept(story, job, follower.text)
        _outputs_verified(story, job)
        accuracy = EPOCH_END.findall(follower.text)[-1][1]
        step.result = f"Completed in {job['duration_seconds']:.0f} s, accuracy {accuracy}"
        story.say(step.result)


def _pool_fits(story: Story) -> None:
    pool = next(row for row in story.developer.get("/pools")["items"] if row["id"] == POOL)
    flavor = next((row for row in pool["flavors"] if row["id"] == FLAVOR), None)
    if flavor is None:
        raise StepFailed(f"Flavor {FLAVOR} does not fit pool {POOL}: {pool}")
    story.say(f"pool {POOL}: {pool['free_cpus']:g} of {pool['cpus']:g} vCPU are free")


def _specification(story: Story) -> dict[str, Any]:
    bucket = story.made["bucket"]["name"]
    return {
        "name": story.name("digits-training"),
        "description": f"Digits with {story.sample}, played by the demonstration",
        "code_bucket": bucket,
        "code_prefix": CODE,
        "boot_file": "train.py",
        "engine": story.engine,
        "flavor": FLAVOR,
        "pool": POOL,
        "inputs": [{"name": "data_url", "dataset_version": story.made["version"]["id"]}],
        "outputs": [{"name": "train_url", "bucket": bucket, "prefix": OUTPUT}],
        "hyperparameters": {"epochs": str(EPOCHS)},
        "max_duration": JOB_WITHIN,
    }


class _Follower:
    """Reads the log from where it stopped reading, and prints what tells the progress."""

    def __init__(self, story: Story, job_id: str) -> None:
        self._story = story
        self._path = f"/training-jobs/{job_id}"
        self._offset = 0
        self._shown = ""
        self._half = ""
        self.text = ""

    def look(self) -> dict[str, Any]:
        """The job as it is now; news are printed first."""
        row: dict[str, Any] = self._story.developer.get(self._path)
        state = f"{row['phase']} {row['secondary_phase']}".strip()
        if state != self._shown:
            self._story.say(f"{state}: {row['message']}" if row["message"] else state)
            self._shown = state
        self._read()
        return row

    def rest(self) -> None:
        """What was written before the end; the log is complete once the job is over."""
        wait("The end of the log", self._read, bool, within=30)

    def _read(self) -> bool:
        part = self._story.developer.get(f"{self._path}/logs", offset=self._offset)
        self._offset = part["next"]
        self.text += part["text"]
        lines = (self._half + part["text"]).split("\n")
        self._half = lines.pop()
        for line in lines:
            if "val_accuracy=" in line or not line.startswith("epoch="):
                self._story.say(f"| {line[:130]}")
        return bool(part["eof"])


def _metrics_kept(story: Story, job: dict[str, Any], log: str) -> None:
    """The curves hold what the log said."""
    printed = [float(value) for _epoch, value in EPOCH_END.findall(log)]
    if len(printed) != EPOCHS:
        raise StepFailed(f"{EPOCHS} epochs were asked for, the log tells of {len(printed)}.")
    series = story.developer.get(f"/training-jobs/{job['id']}/metrics")["series"]
    kept = [value for _step, value in series.get("val_accuracy", [])]
    if kept != printed:
        raise StepFailed(f"The log says val_accuracy {printed}, the curve {kept}.")
    losses = series.get("loss", [])
    if len(losses) < EPOCHS or losses[-1][1] >= losses[0][1]:
        raise StepFailed(f"The loss did not fall: {losses}.")
    story.say(f"curves kept: {', '.join(f'{name} {len(v)}' for name, v in sorted(series.items()))}")


def _outputs_verified(story: Story, job: dict[str, Any]) -> None:
    """Every output can be fetched, and its bytes are what the listing says."""
    bucket = job["outputs"][0]["bucket"]
    found = {}
    for row in story.developer.objects(bucket, OUTPUT):
        content = story.developer.get_object(bucket, row["key"])
        if hashlib.sha256(content).hexdigest() != row["sha256"] or len(content) != row["size"]:
            raise StepFailed(f"{row['key']} does not match its digest {row['sha256']}.")
        found[row["key"].removeprefix(f"{OUTPUT}model/")] = row
    if not found.keys() > MODEL_FILES:
        raise StepFailed(f"Below {OUTPUT}model/ lie only {sorted(found)}.")
    for name in MODEL_FILES:  # copied by the script from what was uploaded
        if found[name]["sha256"] != story.uploaded[f"{CODE}infer/{name}"]:
            raise StepFailed(f"{name} is not the file that was uploaded.")
    story.made["outputs"] = found
    for name, row in sorted(found.items()):
        story.say(f"{row['sha256'][:12]}…  {row['size']:>8,} bytes  {OUTPUT}model/{name}")
    story.see(f"/training-jobs/{job['id']}/outputs")


def register(story: Story) -> None:
    """A model of the job's output: its files are checked before it is Published."""
    with story.report.step("Model") as step:
        api = story.developer
        order = {"name": story.name("digits"), "training_job": story.made["job"]["id"]}
        model = api.post("/models", order)
        model = wait(
            f"Model {model['name']}",
            lambda: api.get(f"/models/{model['id']}"),
            lambda row: row["phase"] in ("Published", "Failed"),
            within=60,
        )
        if model["phase"] != "Published":
            raise StepFailed(f"Model {model['name']}: {brief(model)} {model['problems']}")
        files = api.get(f"/models/{model['id']}/files")["items"]
        if dict(_digests(files)) != {k: v["sha256"] for k, v in story.made["outputs"].items()}:
            raise StepFailed(f"The model holds {files}, the job wrote {story.made['outputs']}.")
        if model["engine"] != story.engine:
            raise StepFailed(f"The model runs on {model['engine']}, not on {story.engine}.")
        api.found("/models", model)
        story.made["model"] = model
        step.result = f"{model['name']} {model['model_version']} Published"
        story.say(f"{step.result}: {model['message']}")
        story.see(f"/models/{model['id']}")


def _digests(files: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for row in files:
        yield row["path"].removeprefix("model/"), row["sha256"]
