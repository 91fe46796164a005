"""Where Django's connection leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def connected(**changes: Any) -> Iterator[None]:
    """Meanwhile, Django's connection is made with these settings, such as HOST and PORT."""
    there = connection.settings_dict
    here = {name: there[name] for name in changes}
    connection.close()
    there.update(changes)
    try:
        yield
    finally:
        connection.close()
        there.update(here)


def backend_end() -> None:
    """End this process' connection from the server's side, as a restarted Postgres does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    target = connection.settings_dict
    with psycopg.connect(
        host=target["HOST"],
        port=target["PORT"],
        user=target["USER"],
        password=target["PASSWORD"],
        dbname=target["NAME"],
        autocommit=True,
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
