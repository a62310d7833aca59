"""The page *Samples*, and the button of a card."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.pages.base import Page
from core import access, shell
from core.errors import AccessDenied, AppError, NotFound
from training.sample import services
from training.sample.catalogue import SAMPLES

shell.add_link(
    shell.NavLink(
        "train", gettext_lazy("Samples"), "training:samples", "flask", "modelarts:trainJob:list", 5
    )
)


class SamplesPage(Page):
    """Cards: what each sample is, runs on, takes and goes through."""

    action = "modelarts:trainJob:list"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(
            "training/samples.html",
            {
                "title": _("Samples"),
                "samples": SAMPLES.values(),
                "bucket": services.bucket_name(self.actor.region),
                "may_use": access.decide(self.actor, UsePage.actions["post"]).allowed,
            },
        )


class UsePage(Page):
    """POST: put the sample's files into the bucket, then the prefilled form."""

    actions: ClassVar = {"post": "obs:bucket:CreateBucket"}

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        sample = SAMPLES.get(name)
        if sample is None:
            raise NotFound()
        try:
            query = services.use(self.actor, sample)
        except AccessDenied:
            raise
        except AppError as error:
            messages.error(request, error.told())
            return HttpResponseRedirect(reverse("training:samples"))
        return HttpResponseRedirect(f"{reverse('training-jobs:create')}?{query}")
