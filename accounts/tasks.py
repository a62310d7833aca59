"""Celery tasks of the accounts room: forgetting what is over."""

from __future__ import annotations

import datetime as dt

from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.session.models import SignInSession
from accounts.signin import throttle
from accounts.token import services as tokens


@shared_task(name="accounts.forget", ignore_result=True)
def forget() -> int:
    """Drop ended sessions, long-ended tokens and old failure counts; returns how many rows.

    Nothing depends on it: what is over is refused by the clock, whether its row is there or not.
    """
    oldest = timezone.now() - dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    ended, _kinds = SignInSession.objects.filter(created_at__lt=oldest).delete()
    call_command("clearsessions")
    return ended + throttle.sweep() + tokens.forget_ended()
