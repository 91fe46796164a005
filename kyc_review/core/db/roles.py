"""Two roles of the database: one owns the tables and migrates, the other one runs the application."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connection
from psycopg import sql

PAST_POOLER = (
    "DATABASE_TRANSACTION_POOLING is on, and migrations need a session of their own: set DATABASE_OWNER_URL to the "
    "address of the server itself, not of the pooler (docs/deploy.md)"
)


class RoleError(Exception):
    """The text says what is wrong and what to do."""


@contextmanager
def as_owner() -> Iterator[None]:
    """Meanwhile, the connection is that of DATABASE_OWNER_URL, to the server itself; without it, nothing changes.

    Migrations hold locks and settings of a session: raises RoleError where only a pooler of transactions is known.
    """
    known = connection.settings_dict
    address = urlsplit(settings.DATABASE_OWNER_URL)
    server = {"HOST": address.hostname or known["HOST"], "PORT": address.port or known["PORT"]}
    if known["TRANSACTION_POOLING"] and all(str(known[name]) == str(value) for name, value in server.items()):
        raise RoleError(PAST_POOLER)
    if not settings.DATABASE_OWNER_URL:
        yield
        return
    owner = {
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "TRANSACTION_POOLING": False,
        **server,
    }
    application = {name: known[name] for name in owner}
    connection.close()
    connection.settings_dict.update(owner)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(application)


def role_ensure(name: str, password: str) -> None:
    """Make the role when it is missing. Raises RoleError when it may not be made, or is a superuser."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [name])
        found = cursor.fetchone()
        if found and found[0]:
            raise RoleError(
                f"the application's role {name} is a superuser, so nothing can be refused to it: "
                f"ALTER ROLE {name} NOSUPERUSER"
            )
        cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        if not found and not cursor.fetchone()[0]:
            raise RoleError(f"the role {name} does not exist: CREATE ROLE {name} LOGIN PASSWORD '...'")
        if not found:
            made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            cursor.execute(made.format(sql.Identifier(name), sql.Literal(password)))


def owned_tables() -> int:
    """How many tables of the schema the current role owns, by itself or as a superuser."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(tableowner, 'USAGE')"
        )
        return int(cursor.fetchone()[0])


# What a role may set for itself (ALTER ROLE), and what then makes statements fail or mean something else.
GUARDED_SETTINGS = (
    "search_path",
    "statement_timeout",
    "lock_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "role",
    "row_security",
    "standard_conforming_strings",
)


def may_make_temporary() -> bool:
    """Whether the current role may make temporary tables; `prepare` takes that from the application's role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
        return bool(cursor.fetchone()[0])


def is_time_out(setting: str) -> bool:
    """Of `role_settings`: one that only ends statements, as a careful DBA sets it; the others change what they mean."""
    return setting.partition("=")[0].endswith("_timeout")


def role_settings() -> list[str]:
    """Which guarded settings are stored for the current role, as `name=value`; these begin each of its sessions."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT unnest(s.setconfig) FROM pg_db_role_setting AS s
            WHERE s.setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
                AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"""
        )
        found = [text for (text,) in cursor.fetchall()]
    return sorted(text for text in found if text.partition("=")[0] in GUARDED_SETTINGS)
