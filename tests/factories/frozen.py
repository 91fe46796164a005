"""A database server that is frozen while its kernel still acknowledges what is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg
from django.db import connection

from tests.factories.databases import url_of


@contextmanager
def frozen_backends(*, spared: tuple[int, ...] = ()) -> Iterator[list[int]]:
    """SIGSTOP for the server's process of each connection to the tests' database, except those with these ids.

    New connections get new processes, as after a failover. Afterwards all go on (SIGCONT).
    """
    name = connection.settings_dict["NAME"]
    with psycopg.connect(url_of(name), autocommit=True) as own:
        found = own.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend' "
            "AND pid <> ALL(%s)",
            [name, [own.info.backend_pid, *spared]],
        ).fetchall()
    backends = [psutil.Process(pid) for (pid,) in found]
    for one in backends:
        one.suspend()
    try:
        yield [one.pid for one in backends]
    finally:
        for one in backends:
            one.resume()
