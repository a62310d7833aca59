"""The policies of the story: what it needs and nothing more.

Global services (obs) and project-level ones (modelarts) never share a policy, hence two for the
developer.
"""

from __future__ import annotations

from typing import Any

PREFIX = "digits"
"""What the story makes is called so."""

BUCKETS = (f"{PREFIX}*", "samples-*")
"""The story's buckets and those that the page *Samples* makes; the policies reach no others."""


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1.1", "Statement": list(statements)}


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), **more}


OBJECTS = policy(
    allow("obs:bucket:ListAllMyBuckets"),
    allow(
        "obs:bucket:CreateBucket",
        "obs:bucket:HeadBucket",
        "obs:bucket:ListBucket",
        Resource=[f"obs:*:*:bucket:{name}" for name in BUCKETS],
    ),
    allow(
        "obs:object:GetObject",
        "obs:object:PutObject",
        Resource=[f"obs:*:*:object:{name}/*" for name in BUCKETS],
    ),
)
"""See which buckets there are; make those of BUCKETS, read and write objects in them."""

DEVELOPMENT = policy(
    allow(
        "modelarts:dataset:listDatasets",
        "modelarts:dataset:createDataset",
        "modelarts:dataset:getDataset",
        "modelarts:dataset:createDatasetVersion",
        "modelarts:dataset:getDatasetVersion",
        "modelarts:dataset:listDatasetVersions",
        "modelarts:dataset:use",
        "modelarts:trainJob:list",
        "modelarts:trainJob:get",
        "modelarts:trainJob:logExport",
        "modelarts:model:list",
        "modelarts:model:create",
        "modelarts:model:get",
        "modelarts:pool:list",
    ),
    allow(
        "modelarts:trainJob:create",
        Condition={"StringEquals": {"modelarts:poolType": ["public"]}},
    ),
)
"""Make datasets, train on them in the public pool, register models. No deploying, no deleting."""

AGENCY_DATA = policy(
    allow("modelarts:dataset:use", "modelarts:model:get", "modelarts:model:deploy")
)
"""The platform reads dataset versions for jobs and fetches the account's models for services."""

AGENCY_DEPLOY = policy(allow("modelarts:model:get", "modelarts:model:deploy"))
"""The platform fetches models for services."""

POLICIES: dict[str, dict[str, dict[str, Any]]] = {
    "owner": {
        "demo-objects": OBJECTS,
        "demo-development": DEVELOPMENT,
        "demo-agency-data": AGENCY_DATA,
    },
    "consumer": {"demo-agency-deploy": AGENCY_DEPLOY},
}
GROUP = "demo-developers"
GROUP_POLICIES = ("demo-objects", "demo-development")
AGENCIES = {
    "owner": ("demo-training-agency", ("demo-objects", "demo-agency-data")),
    "consumer": ("demo-serving-agency", ("demo-agency-deploy",)),
}
