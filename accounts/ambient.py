"""Condition keys that the platform itself fills in, for pages, API, the gateway and background work
alike. A caller cannot override them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from accounts.account.models import Project
from accounts.principal import Principal
from core import registry
from core.access import TAG_KEYS, Target
from core.actor import Actor

#: enterprise project and workspace of what was put into none
DEFAULT = "0"
#: columns of a row that conditions may ask for
COLUMNS = {"enterprise_project_id": "g:EnterpriseProjectId", "workspace_id": "g:WorkspaceId"}
#: keys of tags that a request names; lower case, as a beginning
REQUEST_TAGS = (TAG_KEYS.lower(), "g:requesttag/")


def ambient(principal: Principal, actor: Actor, action: str, target: Target) -> dict[str, Any]:
    """Who asks, from where, about what. None stands for what this request does not have."""
    region = target.region or actor.region or None
    account, agency = principal.account, principal.agency
    # Work inside the platform crosses no network.
    secure = actor.secure is not False
    values: dict[str, Any] = {
        "g:CurrentTime": dt.datetime.now(dt.UTC).isoformat(),
        "g:DomainName": account.name,
        "g:DomainId": account.id,
        "g:UserName": principal.username,
        "g:UserId": str(principal.user_id),
        "g:PrincipalUrn": f"iam::{account.id}:user:{principal.username}",
        "g:PrincipalAccount": account.id,
        "g:PrincipalId": str(principal.user_id),
        "g:PrincipalType": "AssumedAgency" if agency else "User",
        "g:PrincipalIsRootUser": principal.is_root,
        "g:MFAPresent": bool(actor.mfa),
        "g:SourceIp": actor.source_ip or None,
        "obs:SourceIp": actor.source_ip or None,
        "g:SecureTransport": secure,
        "obs:SecureTransport": secure,
        "g:UserAgent": actor.user_agent or None,
        "g:Referer": actor.referer or None,
        "g:Region": region,
        "g:RequestedRegion": region,
        "g:ProjectName": region,
        "g:ServiceName": action.split(":")[0],
        "g:ViaAgency": agency is not None,
        "g:ViaService": agency is not None,
        "g:AgencyName": agency.name if agency else None,
        "g:ResourceAccount": target.account_id,
    }
    if "g:projectid" in principal.keys:
        values["g:ProjectId"] = _project(principal, region or "")
    values |= {key: _column(target, name) for name, key in COLUMNS.items()}
    values |= {f"g:PrincipalTag/{key}": value for key, value in principal.tags.items()}
    values |= {f"g:ResourceTag/{key}": value for key, value in target.tags.items()}
    return values


def still_open(
    principal: Principal, action: str, target: Target, context: Mapping[str, Any]
) -> tuple[str, ...]:
    """Keys that cannot be known yet: before a form is sent, "may they make one?" is asked without
    the tags that it will carry. The write asks again, with them."""
    if TAG_KEYS in context or target.verb:
        return ()
    if not any(key.startswith(REQUEST_TAGS) for key in principal.keys):
        return ()
    wanted = action.lower()
    for spec in registry.all_specs():
        named = (spec.action(v) for v in ("create", "update") if v in spec.actions)
        if wanted in (name.lower() for name in named):
            return REQUEST_TAGS
    return ()


def _column(target: Target, name: str) -> str:
    return str(getattr(target.described, name, None) or DEFAULT)


def _project(principal: Principal, region: str) -> str | None:
    """Id of the account's project in a region. It never changes, so it is asked for once."""
    key = ("project", region)
    if key not in principal.parts:
        rows = Project.objects.filter(account=principal.account.id, region=region)
        principal.parts[key] = rows.values_list("id", flat=True).first()
    found: str | None = principal.parts[key]
    return found
