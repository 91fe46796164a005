"""One client per process for the few hints that live in Valkey and may vanish at any time."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=1, socket_timeout=1)
