"""Steps 2 and 3: engine, bucket, real digits, a validated dataset version."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from client import StepFailed, sha256_of, wait
from demo import keep, rights
from demo.serving import make_room
from demo.story import Story

SAMPLES = keep.ROOT / "samples" / "digits"
ENGINE_WITHIN = 1800
"""Seconds the first build of an engine may take, downloads included."""
DATA, CODE, OUTPUT = "mnist-data/", "mnist-code/", "mnist-output/"
SPLITS = {"train": 1437, "test": 360}


def prepare_engine(story: Story) -> None:
    """Build the engine unless it is there. Its time depends on the network, not on us."""
    with story.report.step("Engine and room") as step:
        make_room(story)
        story.owner.post(f"/engines/{story.engine}/prepare")
        shown = ""

        def look() -> dict[str, Any]:
            rows = story.owner.get("/engines")["items"]
            row: dict[str, Any] = next(row for row in rows if row["name"] == story.engine)
            if row["phase"] == "failed":
                raise StepFailed(f"Engine {story.engine} could not be built: {row['message']}")
            return row

        def seen(row: dict[str, Any]) -> None:
            nonlocal shown
            text = f"{row['phase']} {row['percent']} % {row['message']}"
            if row["phase"] != "ready" and text != shown:
                story.say(text)
                shown = text

        engine = wait(
            f"Engine {story.engine}",
            look,
            lambda row: row["phase"] == "ready",
            within=ENGINE_WITHIN,
            every=1.0,
            seen=seen,
        )
        main = "torch" if story.sample == "pytorch" else "scikit-learn"
        step.result = f"{story.engine}, {main} {engine['packages'].get(main, '?')}"
        story.say(f"{step.result} is ready")
        story.see("/engines")


def fill_bucket(story: Story) -> None:
    """Real handwritten digits as MNIST files, and the training code, into a new bucket."""
    with story.report.step("Bucket, digits and code") as step:
        python = keep.engines_folder() / story.engine / "bin" / "python"
        command = [str(python), str(SAMPLES / "make_digits.py"), str(story.work)]
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if made.returncode != 0:
            raise StepFailed(f"make_digits.py failed: {made.stderr[-500:]}")
        name = story.name(rights.PREFIX)
        bucket = story.developer.post("/buckets", {"name": name})
        story.developer.found("/buckets", bucket)
        story.made["bucket"] = bucket
        size = 0
        for key, path in _files(story):
            story.uploaded[key] = story.developer.put_file(name, key, path)
            size += path.stat().st_size
            story.say(f"{story.uploaded[key][:12]}…  {path.stat().st_size:>8,} bytes  {key}")
        listed = {row["key"]: row["sha256"] for row in story.developer.objects(name, "mnist-")}
        if listed != story.uploaded:
            raise StepFailed(f"The bucket lists {listed}, uploaded was {story.uploaded}.")
        for key, path in _files(story):
            if story.developer.get_object(name, key) != path.read_bytes():
                raise StepFailed(f"{key} came back with other bytes.")
        step.result = f"{len(listed)} objects, {size:,} bytes, every digest equal"
        story.say(f"read back: {step.result}")
        story.see(f"/buckets/{bucket['id']}")


def _files(story: Story) -> Iterator[tuple[str, Path]]:
    for path in sorted((story.work / "data").iterdir()):
        yield f"{DATA}{path.name}", path
    code = SAMPLES / story.sample
    for path in sorted(code.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{CODE}{path.relative_to(code).as_posix()}", path


def make_dataset(story: Story) -> None:
    """A dataset and its first version: a snapshot of the files, read to the last byte."""
    with story.report.step("Dataset") as step:
        api = story.developer
        dataset = api.post("/datasets", {"name": story.name("digits"), "format": "idx"})
        place = {"dataset": dataset["id"], "bucket": story.made["bucket"]["name"], "prefix": DATA}
        version = api.post("/dataset-versions", place)
        version = wait(
            "The check of the dataset version",
            lambda: api.get(f"/dataset-versions/{version['id']}"),
            lambda row: row["phase"] in ("Ready", "Invalid", "Error"),
            within=120,
        )
        if version["phase"] != "Ready" or version["name"] != "V001":
            raise StepFailed(f"Version {version['name']} is {version['phase']}: {version}")
        for name, split in _splits(version):
            rows, columns = split["shape"]
            story.say(f"{name}: {split['count']:,} images of {rows} x {columns}")
            balance = " ".join(f"{label}:{n}" for label, n in split["histogram"].items())
            story.say(f"   images per class  {balance}")
        files = api.get(f"/dataset-versions/{version['id']}/files")["items"]
        wanted = {path.name: sha256_of(path) for path in (story.work / "data").iterdir()}
        if {row["path"]: row["sha256"] for row in files} != wanted:
            raise StepFailed(f"The manifest of {version['name']} is {files}.")
        api.found("/datasets", dataset)
        story.made |= {"dataset": dataset, "version": version}
        step.result = f"{dataset['name']} {version['name']} Ready, {version['file_count']} files"
        story.say(f"{step.result}, digest {version['digest'][:16]}…")
        story.see(f"/datasets/{dataset['id']}/distribution")


def _splits(version: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = version["summary"].get("splits", {})
    for name, count in SPLITS.items():
        split = found.get(name)
        if not split or split["count"] != count or sum(split["histogram"].values()) != count:
            raise StepFailed(f"{count} {name} images were uploaded, the version holds {split}.")
        yield name, split
