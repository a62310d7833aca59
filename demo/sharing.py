"""Steps 6 and 8: the model is shared, used within its limits, and taken back."""

from __future__ import annotations

from typing import Any

from client import Refused, StepFailed
from demo.serving import stops
from demo.story import Story

REGISTRY_MODEL = "registry.model"
PERMISSION = "ModelUse"


def share(story: Story) -> None:
    """Owner invites, consumer reads what it is offered and accepts; both sides see it."""
    with story.report.step("Share with the other account") as step:
        model = story.made["model"]
        consumer = story.kept.people["consumer"].account_id
        early = story.consumer.refusal("GET", f"/models/{model['id']}")
        if early.status != 404:
            raise StepFailed(f"Before the share the model should not exist for others: {early}")
        unit = story.owner.post(
            "/share-units",
            {
                "name": story.name("digits"),
                "resources": [{"type": REGISTRY_MODEL, "id": model["id"]}],
                "permissions": {REGISTRY_MODEL: PERMISSION},
                "principals": [consumer],
            },
        )
        story.made["unit"] = unit
        story.say(f"share unit {unit['name']} in {unit['region']}, {PERMISSION}, for {consumer}")
        story.see(f"/share-units/{unit['id']}")
        _expect_association(story, "ASSOCIATING")
        _accept(story)
        _expect_association(story, "ASSOCIATED")
        shared = story.consumer.items("/models", scope="shared")
        if model["id"] not in [row["id"] for row in shared]:
            raise StepFailed(f"Among the shared models of the consumer are only {shared}.")
        story.say(f"the consumer sees {model['name']} among the models shared with it")
        _limits(story)
        step.result = f"{PERMISSION}: seen and usable; edit, export, delete refused"


def _expect_association(story: Story, state: str) -> None:
    unit = story.owner.get(f"/share-units/{story.made['unit']['id']}")
    found = [row["state"] for row in unit["principals"]]
    if found != [state]:
        raise StepFailed(f"The owner should read {state} and reads {found}.")
    story.say(f"the owner reads {state}")


def _accept(story: Story) -> None:
    api = story.consumer
    waiting = api.items("/share-invitations", phase="PENDING")
    mine = [row for row in waiting if row["share_unit_id"] == story.made["unit"]["id"]]
    if len(mine) != 1:
        raise StepFailed(f"One open invitation was expected, there are {waiting}.")
    invitation = api.get(f"/share-invitations/{mine[0]['id']}")
    story.see(f"/share-invitations/{invitation['id']}")
    for part in invitation["contents"]:
        names = ", ".join(row["name"] for row in part["resources"])
        story.say(f"invitation from {invitation['owner_account_id']}: {part['type_label']} {names}")
        for right in part["permission"]["may"]:
            story.say(f"   may  {right['action']}: {right['words']}")
        story.say(f"   never  {part['permission']['never']}")
    offered = [row["id"] for part in invitation["contents"] for row in part["resources"]]
    if offered != [story.made["model"]["id"]]:
        raise StepFailed(f"The invitation offers {offered}.")
    accepted = api.post(f"/share-invitations/{invitation['id']}/accept")
    if not accepted["in_force"]:
        raise StepFailed(f"Accepted, but not in force: {accepted}")
    story.say("the consumer accepts")


def _limits(story: Story) -> None:
    """What the share does not contain is refused, with the reason."""
    api, model = story.consumer, story.made["model"]
    path = f"/models/{model['id']}"
    seen = api.get(path)
    tag = {"If-Match": f'W/"{seen["version"]}"'}
    attempts = {
        "edit": api.refusal("PATCH", path, {"description": "mine now"}, headers=tag),
        "export": api.refusal("GET", f"{path}/files/model/config.json"),
        "delete": api.refusal("DELETE", path),
    }
    for name, refused in attempts.items():
        expect_403(name, refused)
        story.say(f"{name} refused: {refused.status} {refused.message}")
    after = story.owner.get(path)
    if after["description"] != model["description"] or after["version"] != seen["version"]:
        raise StepFailed(f"The model changed all the same: {after}")


def expect_403(what: str, refused: Refused) -> None:
    """A refusal that tells the reason. Raises StepFailed."""
    if refused.status != 403 or not refused.explanation:
        raise StepFailed(f"{what} should be a 403 with an explanation, but: {refused}")


def take_back(story: Story) -> None:
    """The owner reads the impact, deletes the unit; use ends, what is the consumer's stays."""
    with story.report.step("Take the share back") as step:
        unit, model = story.made["unit"], story.made["model"]
        service = story.made["service"]
        losses = story.owner.get(f"/share-units/{unit['id']}/impact")["items"]
        for loss in losses:
            story.say(f"account {loss['account_id']} would lose {', '.join(loss['resources'])}")
            for use in loss["uses"]:
                story.say(f"   in use: {use}")
        consumer = story.kept.people["consumer"].account_id
        if [loss["account_id"] for loss in losses] != [consumer] or not losses[0]["uses"]:
            raise StepFailed(f"The impact should name {consumer} and its service: {losses}")
        before = _belongings(story)
        story.owner.delete(f"/share-units/{unit['id']}")
        gone = story.owner.get(f"/share-units/{unit['id']}")
        kept = story.owner.get(f"/models/{model['id']}")
        if gone["phase"] != "DELETED" or kept["phase"] != "Published":
            raise StepFailed(f"Unit {gone['phase']}, model {kept['phase']} after the delete.")
        story.say("the owner deletes the share unit; the model stays Published")
        order = {"name": story.name("digits-late"), "model": model["id"]}
        refused = story.consumer.refusal("POST", "/services", order)
        expect_403("Deploying after the share", refused)
        story.made["late_refusal"] = refused
        story.say(f"the next deploy: {refused.status} {refused.message}")
        shared = [row["id"] for row in story.consumer.items("/models", scope="shared")]
        if model["id"] in shared or story.consumer.named("/services", order["name"]):
            raise StepFailed("The consumer still sees the model or got its service.")
        if _belongings(story) != before:
            raise StepFailed(f"The consumer's own data changed: {before} -> {_belongings(story)}")
        reason = stops(story)
        story.say(f"the consumer's own data is untouched, its service stops: {reason}")
        story.see(f"/services/{service['id']}")
        step.result = f"next deploy {refused.status}, the consumer's own data untouched"


def _belongings(story: Story) -> dict[str, Any]:
    """What is the consumer's own: services, buckets, objects with their digests."""
    api = story.consumer
    services = {row["id"]: row["name"] for row in api.items("/services")}
    buckets = [row["name"] for row in api.items("/buckets")]
    objects = {
        f"{name}/{row['key']}": row["sha256"] for name in buckets for row in api.objects(name, "")
    }
    return {"services": services, "buckets": buckets, "objects": objects}
