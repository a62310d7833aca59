"""Ready or not: questions put to the running processes themselves.

Each probe returns True or False within about a second and never raises for a process that is not
up yet; that is the ordinary case while starting.
"""

import http.client
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

Probe = Callable[[], bool]


def http_ok(url: str) -> Probe:
    """GET answers 200."""
    parts = urlsplit(url)

    def probe() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
        try:
            connection.request("GET", parts.path or "/", headers={"Connection": "close"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def redis_answers(url: str) -> Probe:
    """PING answers, with the password of the address."""

    def probe() -> bool:
        import redis

        client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    return probe


def worker_answers(url: str, name: str, prefix: str) -> Probe:
    """The Celery worker `name` answers a ping over the broker: it has connected and consumes.
    `prefix`: what the channels of the installation begin with (`core.identity.broker_keys`)."""
    reachable = redis_answers(url)

    def probe() -> bool:
        # Celery would retry a missing broker for seconds, and the supervisor waits meanwhile.
        if not reachable():
            return False
        from celery import Celery
        from kombu.exceptions import KombuError
        from redis import RedisError

        app = Celery(broker=url, set_as_current=False)
        app.conf.broker_transport_options = {
            "socket_timeout": 2,
            "max_retries": 1,
            "global_keyprefix": prefix,
        }
        try:
            return bool(app.control.ping(destination=[name], timeout=0.5))
        except (OSError, KombuError, RedisError) as problem:  # the broker may die in between
            logging.getLogger(__name__).debug("no answer from %s: %s", name, problem)
            return False
        finally:
            app.close()

    return probe
