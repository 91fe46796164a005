"""One client per process for the few hints that live in Valkey and may vanish at any time."""

from functools import cache
from threading import Lock

import redis
from django.conf import settings

_one_at_a_time = Lock()


def client() -> redis.Redis:
    # Of two made at once the forgotten one would close its connections as it goes, under a request that uses them.
    with _one_at_a_time:
        return _made()


@cache
def _made() -> redis.Redis:
    return redis.Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=1, socket_timeout=1)
