"""Databases next to that of the tests, on the same server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg import sql

from tests.fixtures.database import connections_of_others_end


def url_of(database: str) -> str:
    """The tests' server, another database."""
    return os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{quote(database)}"


@contextmanager
def database(ending: str, *, is_copy: bool = False) -> Iterator[str]:
    """The name of a new database, empty or a copy of that of the tests, which is dropped afterwards."""
    template = "template1"
    if is_copy:
        template = connection.settings_dict["NAME"]
        connections_of_others_end()  # a database in use is not copied
    name = sql.Identifier(f"{connection.settings_dict['NAME']}_{ending}")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    connection.close()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
        try:
            yield name.as_string().strip('"')
        finally:
            server.execute(drop)
