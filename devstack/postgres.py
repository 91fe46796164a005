"""A Postgres of our own: made once, reached over loopback with a password, run by an unprivileged account."""

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from devstack import binaries, credentials, os_user
from devstack.errors import StackRefused
from devstack.paths import StackPaths
from devstack.process import ProcessSpec
from devstack.progress import Say
from kyc_review.core.files import write_private

# The application runs as ROLE; OWNER owns the tables and migrates (docs/audit.md).
ROLE = DATABASE = "kyc"
OWNER = "kyc_owner"
SUPERUSER = "postgres"
# Sized for one machine with few reviewers; production brings its own server.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    # No DETAIL: a refused row would be in the log with its references.
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m ",
    "logging_collector": "off",
}
# For tests: nothing survives a power cut, everything else is the same.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    process: ProcessSpec
    binary: binaries.Binary
    port: int
    secrets: credentials.Credentials

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}:{self.secrets.postgres}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def owner_url(self) -> str:
        return f"postgres://{OWNER}:{self.secrets.postgres_owner}@127.0.0.1:{self.port}/{DATABASE}"

    def make_database(self) -> None:
        """Neither role is a superuser; the owner may create databases and act as the application (the tests do both).

        Does nothing where all exists. A database of an earlier version, which the application's role owned, changes
        hands.
        """
        address = self._address(SUPERUSER, self.secrets.postgres_superuser)
        with psycopg.connect(address, autocommit=True) as connection:
            made = [_make_role(connection, ROLE, self.secrets.postgres)]
            made.append(_make_role(connection, OWNER, self.secrets.postgres_owner))
            connection.execute(sql.SQL("ALTER ROLE {} NOCREATEDB").format(sql.Identifier(ROLE)))
            connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(OWNER)))
            if any(made):
                connection.execute(
                    sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(OWNER))
                )
            found = connection.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            names = [sql.Identifier(DATABASE), sql.Identifier(OWNER)]
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
        if found and found[0] == ROLE:
            self._hand_over()

    def _hand_over(self) -> None:
        address = self._address(SUPERUSER, self.secrets.postgres_superuser).replace(
            "/postgres?", f"/{DATABASE}?"
        )
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(OWNER))
            )

    def _address(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/postgres?connect_timeout=2"


def _make_role(connection: psycopg.Connection, name: str, password: str) -> bool:
    """With this password; whether it was missing."""
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    made = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
        sql.SQL("ALTER" if found else "CREATE"), sql.Identifier(name), sql.Literal(password)
    )
    connection.execute(made)
    return not found


def prepare(paths: StackPaths, secrets: credentials.Credentials, *, durable: bool, say: Say) -> Postgres:
    """Find the binary, make the data directory when there is none; says which server was taken."""
    account = os_user.postgres_user()
    home = os_user.postgres_home(paths, account)
    binary = binaries.reachable(binaries.postgres(data_major=data_major(home)), account)
    if data_major(home) is None:
        say(f"creating the database in {home}")
        _initdb(home, binary, account, secrets.postgres_superuser, durable=durable)
    port = credentials.port(paths, "postgres")
    settings = SETTINGS | ({} if durable else NOT_DURABLE)
    options = [option for name, setting in settings.items() for option in ("-c", f"{name}={setting}")]
    process = ProcessSpec(
        name="postgres",
        command=(str(binary.path), "-D", str(home), "-p", str(port), *options),
        rank=0,
        stop_signal=signal.SIGINT,  # fast shutdown: roll back what is open, write all, end
        stop_timeout_s=20,
        # Without a supervisor there is no reason to wait for a last checkpoint, which can take many seconds
        # on a busy disk: Postgres ends immediately, and the next start recovers from the log, as after a
        # power cut.
        death_signal=signal.SIGQUIT,
        account=account,
        log=paths.logs / "postgres.log",
        is_ready=lambda: _answers(port, secrets),
    )
    say(f"PostgreSQL {binary}" + (f", run as {account.name}" if account else ""))
    return Postgres(process, binary, port, secrets)


def data_major(home: Path) -> int | None:
    """The major version that made this data directory; None when there is none."""
    try:
        return int((home / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _answers(port: int, secrets: credentials.Credentials) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=SUPERUSER,
            password=secrets.postgres_superuser,
            dbname="postgres",
            connect_timeout=2,
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _initdb(
    home: Path, binary: binaries.Binary, account: os_user.OsUser | None, password: str, *, durable: bool
) -> None:
    """Created next to `home` and renamed when complete, so that an interrupted start leaves nothing incomplete."""
    workshop = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=home.parent))
    try:
        password_file = workshop / "password"
        write_private(password_file, password)
        if account:
            os.chown(workshop, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        made = workshop / "data"
        command = [str(binary.path.with_name("initdb")), "-D", str(made), "-U", SUPERUSER]
        command += [
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            *_locale(binary.major),
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            command,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise StackRefused(f"initdb failed: {_reason(done.stderr)}")
        made.rename(home)
    except PermissionError as refused:
        raise StackRefused(
            f"root may not change to the account {account.name if account else '?'} here ({refused}): "
            "run as an ordinary user, or set DATABASE_URL to a database of your own"
        ) from refused
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _locale(major: int) -> list[str]:
    """Unicode's own order and case rules, the same on every machine, where Postgres has them built in (17 on)."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def _reason(stderr: str) -> str:
    if "No space left on device" in stderr:
        return "the disk is full: free some space and run again"
    lines = [line for line in stderr.splitlines() if "error" in line.lower()] or stderr.splitlines()
    return lines[-1] if lines else "it gave no reason"
