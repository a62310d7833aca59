"""Step 1: the accounts, and in the owner's account a developer with exactly the rights needed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from client import Api, Refused, StepFailed
from demo import keep, rights
from demo.keep import Person
from demo.story import Story

OWNER, CONSUMER, DEVELOPER = "demo-owner", "demo-consumer", "dev"
TOKEN = "demo"  # noqa: S105 - a name, not a secret
SIGN_IN_FAILED = (401, 429)


def play(story: Story) -> None:
    """Owner, consumer, developer, policies and agencies; reused where an earlier run made them."""
    with story.report.step("Accounts, a developer, policies, agencies") as step:
        if not _known(story):
            story.kept.people.clear()
            story.kept.runs = 1
            _set_up(story)
        _sign_in(story, "owner")
        _consumer(story)
        _developer(story)
        for who in ("owner", "consumer"):
            _policies_and_agency(story, who)
        _group(story)
        _nothing_more(story)
        step.result = " and ".join(story.kept.people[w].account for w in ("owner", "consumer"))
        story.see("/users")
        story.see("/agencies")


def _known(story: Story) -> bool:
    """Whether the owner of an earlier run can still sign in."""
    person = story.kept.people.get("owner")
    if person is None:
        return False
    try:
        _token(story, person)
    except Refused as refused:
        if refused.status not in SIGN_IN_FAILED:
            raise
        story.say(f"{keep.file()} does not open account {person.account} any more")
        return False
    return True


def _set_up(story: Story) -> None:
    """The single-use set-up of an empty installation makes the owner's account."""
    command = [sys.executable, str(keep.ROOT / "manage.py"), "setup_link"]
    link = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if link.returncode != 0:
        raise StepFailed(
            "This installation has accounts already, and the demonstration cannot sign in to "
            f"them: {keep.file()} holds no valid password. Play it in a data folder of its own: "
            "./run --demo --var /tmp/modelyard-demo"
        )
    token = urlsplit(link.stdout.strip()).fragment
    person = Person(OWNER, keep.new_password())
    made = Api(story.base_url).post(
        "/setup",
        {"setup_token": token, "account_name": OWNER, "password": person.password},
    )
    person.account_id = made["account_id"]
    _keep(story, "owner", person)
    again = Api(story.base_url).refusal(
        "POST",
        "/setup",
        {"setup_token": token, "account_name": "demo-late", "password": keep.new_password()},
    )
    if again.status != 404:
        raise StepFailed(f"The set-up link worked once and answered {again.status} after that.")
    story.say(f"account {OWNER} ({person.account_id}) made by the single-use set-up")


def _keep(story: Story, who: str, person: Person) -> None:
    story.kept.people[who] = person
    story.kept.fresh.add(who)
    story.kept.save()


def _token(story: Story, person: Person) -> str:
    made = Api(story.base_url).post(
        "/auth/tokens",
        {
            "account": person.account,
            "user": person.user,
            "password": person.password,
            "name": TOKEN,
            "days": 1,
        },
    )
    return str(made["token"])


def _sign_in(story: Story, who: str) -> Api:
    """Change a first password, then take a token for the length of this run."""
    person = story.kept.people[who]
    if person.temporary:
        _first_password(story, who, person)
    api = Api(story.base_url, _token(story, person), f"{person.account}/{person.user or 'root'}")
    me = api.get("/me")
    if me["account"]["id"] != person.account_id or bool(person.user) == me["user"]["is_root"]:
        raise StepFailed(f"{api.label} signed in as {me['user']['name']} of {me['account']['id']}")
    # Tokens of a run that was killed before it could end them itself.
    for old in api.get("/tokens")["items"]:
        mine = old["prefix"] == api.token.split("_")[1]
        if old["name"] == TOKEN and old["state"] == "active" and not mine:
            api.delete(f"/tokens/{old['id']}")
    story.sign_in(who, api)
    return api


def sign_out(story: Story) -> None:
    """End the tokens of this run."""
    for api in story.people.values():
        prefix = api.token.split("_")[1]
        for row in api.get("/tokens")["items"]:
            if row["prefix"] == prefix:
                api.delete(f"/tokens/{row['id']}")
    story.people.clear()


def _first_password(story: Story, who: str, person: Person) -> None:
    """Nothing is possible with a temporary password but to change it; both are tried."""
    try:
        _token(story, person)
    except Refused as refused:
        if refused.code != "PASSWORD_CHANGE_REQUIRED":
            raise
    else:
        raise StepFailed(f"The temporary password of {person.account} was enough for a token.")
    fresh = keep.new_password()
    Api(story.base_url).post(
        "/auth/password",
        {
            "account": person.account,
            "user": person.user,
            "old": person.password,
            "new": fresh,
        },
    )
    person.password, person.temporary = fresh, False
    _keep(story, who, person)
    story.say(f"{person.account}/{person.user or 'root'}: first password changed, as demanded")


def _consumer(story: Story) -> None:
    if "consumer" not in story.kept.people:
        made = story.owner.post("/accounts", {"name": CONSUMER})
        person = Person(CONSUMER, made["initial_password"], "", made["id"], temporary=True)
        _keep(story, "consumer", person)
        story.say(f"account {CONSUMER} ({made['id']}) made by the operator")
    _sign_in(story, "consumer")


def _developer(story: Story) -> None:
    if "developer" not in story.kept.people:
        made = story.owner.post("/users", {"name": DEVELOPER})
        owner = story.kept.people["owner"]
        person = Person(
            owner.account, made["initial_password"], DEVELOPER, owner.account_id, temporary=True
        )
        _keep(story, "developer", person)
        story.say(f"user {DEVELOPER} made in {owner.account}")
    _sign_in(story, "developer")


def _policies_and_agency(story: Story, who: str) -> None:
    api = story.api(who)
    for name, document in rights.POLICIES[who].items():
        found = api.named("/policies", name)
        if found is None:
            found = api.post("/policies", {"name": name, "document": document})
            story.say(f"policy {name} made in {story.kept.people[who].account}")
        elif found["document"] != document:
            tag = {"If-Match": f'W/"{found["version"]}"'}
            api.send("PATCH", f"/policies/{found['id']}", {"document": document}, headers=tag)
            story.say(f"policy {name} brought up to date, in force at once")
    name, policies = rights.AGENCIES[who]
    agency = api.named("/agencies", name)
    if agency is None:
        api.post("/agencies", {"name": name, "policies": list(policies)})
        agency = api.named("/agencies", name)
        story.say(f"agency {name} with {', '.join(policies)}")
    if agency is None or agency["state"] != "active" or set(agency["policies"]) != set(policies):
        raise StepFailed(f"Agency {name} should be active with {policies}, but is {agency}.")


def _group(story: Story) -> None:
    """The developer's group; what is there already is left alone."""
    api = story.owner
    group = api.named("/groups", rights.GROUP) or api.post("/groups", {"name": rights.GROUP})
    members = f"/groups/{group['id']}/members"
    user = api.named("/users", DEVELOPER)
    if user is None:
        raise StepFailed(f"User {DEVELOPER} is not there.")
    if user["id"] not in [row["id"] for row in api.get(members)["items"]]:
        api.post(members, {"user": user["id"]})
    attached = {row["policy"] for row in _attached(api, group)}
    for name in rights.GROUP_POLICIES:
        if name not in attached:
            api.post("/policy-attachments", {"policy": name, "group": group["id"]})
    attached = {row["policy"] for row in _attached(api, group)}
    if attached != set(rights.GROUP_POLICIES):
        raise StepFailed(f"Group {rights.GROUP} holds {sorted(attached)}.")
    story.say(f"{DEVELOPER} is in {rights.GROUP} with {' and '.join(rights.GROUP_POLICIES)}")


def _attached(api: Api, group: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get("/policy-attachments", group=group["id"])["items"]
    return rows


def _nothing_more(story: Story) -> None:
    """The developer has no right to make users, by any route."""
    refused = story.developer.refusal("POST", "/users", {"name": "somebody"})
    if refused.status != 403 or not refused.explanation:
        raise StepFailed(f"Expected a 403 with an explanation, but: {refused}")
    story.say(f"{DEVELOPER} may not make users: {refused.status} {refused.message}")
