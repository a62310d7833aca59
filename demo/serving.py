"""Step 7: the consumer deploys the shared model and calls it with digits it has never seen."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from client import Refused, StepFailed, brief, predict, wait
from demo import rights
from demo.story import Story

ENOUGH = 15
"""Of the 20 held-out digits, so many must be read right."""
SERVICE_WITHIN = 180


def make_room(story: Story) -> None:
    """Stop what earlier plays left running: a small machine holds only a few services."""
    api = story.consumer
    for row in api.items("/services"):
        if row["name"].startswith(rights.PREFIX) and "stop" in row["legal_actions"]:
            path = f"/services/{row['id']}"
            api.post(f"{path}/stop")
            wait(
                f"Stopping service {row['name']}",
                partial(api.get, path),
                lambda seen: seen["phase"] in ("Stopped", "Failed"),
                within=120,
            )
            story.say(f"service {row['name']} of an earlier play is stopped to make room")


def deploy(story: Story) -> None:
    """A service of the consumer's own, from a model that is not its own."""
    with story.report.step("The other account deploys it") as step:
        api, model = story.consumer, story.made["model"]
        order = {"name": story.name("digits"), "model": model["id"], "replicas": 1}
        service = api.post("/services", order)
        story.see(f"/services/{service['id']}")
        shown = ""

        def seen(row: dict[str, object]) -> None:
            nonlocal shown
            if row["phase"] != shown:
                shown = str(row["phase"])
                story.say(brief(row))

        service = wait(
            f"Service {service['name']}",
            lambda: api.get(f"/services/{service['id']}"),
            lambda row: row["phase"] in ("Running", "Failed", "Stopped"),
            within=SERVICE_WITHIN,
            seen=seen,
        )
        if service["phase"] != "Running" or service["ready_replicas"] != 1:
            log = api.get(f"/services/{service['id']}/logs")["text"]
            raise StepFailed(f"Service: {brief(service)}\n{service['detail']}\n{log[-1500:]}")
        api.found("/services", service)
        story.made["service"] = service
        step.result = f"{service['name']} Running, model of account {service['model_account_id']}"
        story.say(f"address {service['access_address']}")


def call(story: Story) -> None:
    """Twenty held-out scans through the gateway; the answers go to the consumer's own bucket."""
    with story.report.step("Predictions through the gateway") as step:
        service, api = story.made["service"], story.consumer
        labels = json.loads((story.work / "heldout" / "labels.json").read_text())
        answers = {}
        for name, digit in sorted(labels.items()):
            picture = (story.work / "heldout" / name).read_bytes()
            found = predict(service["access_address"], api.token, picture)[0]
            answers[name] = {"digit": digit, **found}
        right = [name for name, row in answers.items() if row["image"] == row["digit"]]
        story.score = len(right)
        wrong = [f"{a['digit']} read as {a['image']}" for a in answers.values()
                 if a["image"] != a["digit"]]  # fmt: skip
        story.say(f"score: {story.score} of {len(labels)}")
        if wrong:
            story.say(f"wrong: {', '.join(wrong)}")
        if len(labels) != 20 or story.score < ENOUGH:
            raise StepFailed(f"{story.score} of {len(labels)} digits right; {ENOUGH} are needed.")
        _strangers_refused(story)
        _keep_answers(story, answers)
        step.result = f"{story.score} of {len(labels)} held-out digits right"
        story.see(f"/services/{service['id']}/predict")


def _strangers_refused(story: Story) -> None:
    """The service is the consumer's: neither the model's owner nor an anonymous caller can call
    it."""
    picture = next((story.work / "heldout").glob("*.png")).read_bytes()
    for who, token, status in (("nobody", "none", 401), ("the owner", story.owner.token, 404)):
        try:
            predict(story.made["service"]["access_address"], token, picture)
        except Refused as refused:
            if refused.status != status:
                raise
            story.say(f"{who} calling it is refused: {refused.status}")
        else:
            raise StepFailed(f"{who} could call the service of the consumer.")


def _keep_answers(story: Story, answers: dict[str, dict[str, Any]]) -> None:
    """Data of the consumer's own, to see later that it stays when the share goes."""
    bucket = story.consumer.post("/buckets", {"name": story.name("digits-answers")})
    path = story.work / "answers.json"
    path.write_text(json.dumps(answers, indent=1, sort_keys=True))
    story.consumer.put_file(bucket["name"], "answers.json", path)
    if story.consumer.get_object(bucket["name"], "answers.json") != path.read_bytes():
        raise StepFailed("The answers came back with other bytes.")


def stops(story: Story) -> str:
    """A service whose share ended stops by itself; returns the reason that it tells."""
    address = f"/services/{story.made['service']['id']}"
    service = wait(
        "the service to stop",
        lambda: story.consumer.get(address),
        lambda found: found["phase"] == "Stopped",
        within=120,
    )
    if service["reason"] != "SHARE_ENDED":
        raise StepFailed(f"The service stopped with {service['reason']}: {service['message']}")
    return str(service["reason"])
