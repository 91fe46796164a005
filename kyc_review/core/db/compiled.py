"""Querysets and updates whose SQL is made once: building it costs more than the hot statements themselves.

    @compiled
    def _claim_of(*, reviewer: int) -> QuerySet[ReviewItem]:
        return ReviewItem.objects.filter(claimed_by=reviewer)

    rows = _claim_of(reviewer=7)  # a list

The function is called once with stand-ins for its keywords; where they come out as parameters of the statement, later
calls put their values. Arguments that change the statement itself, such as a role, are given by position: there is one
statement for each of their values. Statements are prepared on the server, too, so that they are planned once per
connection.
"""

from __future__ import annotations

import copy
import datetime as dt
import uuid
from collections.abc import Callable, Hashable
from functools import wraps
from itertools import count
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row")
Changed = tuple[QuerySet[Any], dict[str, Any]]

_numbers = count(1_900_000_001, 7)  # far above the keys of rows, and an integer column holds them
# A fresh value of the type that no constant of a statement has.
STAND_INS: dict[type, Callable[[], Any]] = {
    int: lambda: next(_numbers),
    uuid.UUID: uuid.uuid4,
    dt.timedelta: lambda: dt.timedelta(days=400, microseconds=next(_numbers)),
    str: lambda: uuid.uuid4().hex,
}


class _Statement:
    """SQL and its parameters; `slots` says which of them a keyword fills."""

    def __init__(self, sql: str, parameters: tuple[Any, ...], names: dict[Any, str]) -> None:
        self.sql = sql
        self._parameters = parameters
        self._slots = [names.get(one) if isinstance(one, Hashable) else None for one in parameters]
        if missing := set(names.values()) - set(self._slots):
            raise TypeError(f"{missing} do not come out as parameters: give them by position")

    def parameters(self, values: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(
            constant if name is None else values[name]
            for constant, name in zip(self._parameters, self._slots, strict=True)
        )


class _Select(_Statement):
    """A SELECT, and the compiler that knows how its columns become rows."""

    def __init__(self, queryset: QuerySet[Any], names: dict[Any, str]) -> None:
        self._queryset = queryset
        self._compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = self._compiler.as_sql()
        self._compiler.connection = None  # that of the thread which came first; each call puts its own
        super().__init__(sql, tuple(parameters), names)

    def __call__(self, values: dict[str, Any]) -> list[Any]:
        connection = connections[DEFAULT_DB_ALIAS]  # the proxy `connection` looks it up for every column
        if self._queryset.query.select_for_update and connection.get_autocommit():
            raise transaction.TransactionManagementError("Rows are locked in a transaction only.")
        ready = copy.copy(self._compiler)
        ready.connection = connection
        bound = self.sql, self.parameters(values)
        ready.as_sql = lambda *_, **__: bound
        asked = self._queryset.all()
        asked.query.get_compiler = lambda *_, **__: ready  # type: ignore[method-assign]
        with connection.binding_on_server():  # type: ignore[attr-defined]
            return list(asked)


class _Update(_Statement):
    def __init__(self, changed: Changed, names: dict[Any, str]) -> None:
        query = cast(UpdateQuery, changed[0].query.chain(UpdateQuery))
        query.add_update_values(changed[1])
        sql, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        super().__init__(sql, tuple(parameters), names)

    def __call__(self, values: dict[str, Any]) -> int:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(self.sql, self.parameters(values))
            return cursor.rowcount


def compiled(build: Callable[..., QuerySet[Any, Row]]) -> Callable[..., list[Row]]:
    """The rows of the queryset that `build` describes; see above. Raises TypeError for a keyword that the statement
    does not take as a parameter, and django.db.transaction.TransactionManagementError as a queryset does."""
    return _kept(build, _Select)


def compiled_update(build: Callable[..., Changed]) -> Callable[..., int]:
    """How many rows were changed: `build` returns the queryset and the new values by field."""
    return _kept(build, _Update)


def _kept(build: Callable[..., Any], kind: Callable[[Any, dict[Any, str]], Any]) -> Callable[..., Any]:
    made: dict[tuple[Any, ...], Any] = {}

    @wraps(build)
    def run(*shape: Any, **values: Any) -> Any:
        statement = made.get(shape)
        if statement is None:
            stand_ins = {name: STAND_INS[type(value)]() for name, value in values.items()}
            names = {stand_in: name for name, stand_in in stand_ins.items()}
            statement = made[shape] = kind(build(*shape, **stand_ins), names)
        return statement(values)

    return run
