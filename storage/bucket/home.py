"""What buckets add to the home page: the first step of all."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core import access, shell
from core.actor import Actor
from storage.bucket.models import Bucket


@shell.add_first_steps
def first_steps(actor: Actor) -> list[shell.FirstStep]:
    if not access.decide(actor, "obs:bucket:CreateBucket").allowed:
        return []
    done = Bucket.objects.own(actor, "list").exists()
    return [
        shell.FirstStep(
            _("Make a bucket"),
            _("Put your training code and data into it by dropping the files on its page."),
            reverse("buckets:create"),
            _("Create a bucket"),
            done,
            10,
        )
    ]
