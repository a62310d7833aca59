"""Every request gets its actor, from session or bearer token, and keeps it to the end."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import facts
from accounts.actors import actor_of, circumstances
from accounts.hold import by_session
from accounts.session import services as sessions
from accounts.token.services import authenticate_bearer
from accounts.user.models import User
from core import actor as actors
from core.actor import ANONYMOUS, Actor
from core.errors import NotAuthenticated

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API = "/api/"


class ActorMiddleware:
    """Sets ``request.actor`` and enters it for the length of the request.

    A bearer token counts under /api/ only, and where one is sent the session is not looked at: a
    browser that is signed in must not lend its rights to a request that names somebody else.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with facts.remembered():
            actor = self.actor(request)
            request.actor = actor  # type: ignore[attr-defined]
            with actors.acting(actor):
                return self.get_response(request)

    def actor(self, request: HttpRequest) -> Actor:
        """Who sends this request; ANONYMOUS with its circumstances without a sign-in."""
        where = circumstances(request)
        header = request.headers.get("Authorization", "")
        if header and request.path.startswith(API):
            try:
                return authenticate_bearer(header, **where)
            except NotAuthenticated as error:
                request.bearer_error = error  # type: ignore[attr-defined]
                return ANONYMOUS.with_request(**where)
        user = request.user
        if not isinstance(user, User):
            return ANONYMOUS.with_request(**where)
        if sessions.is_over(request):
            sessions.finish(request)
            return ANONYMOUS.with_request(**where)
        sessions.touch(request)
        credential = by_session(request.session.session_key)
        return actor_of(user, via="console", credential=credential, **where)
