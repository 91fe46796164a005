"""Where Django's connection leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
