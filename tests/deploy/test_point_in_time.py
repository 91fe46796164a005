"""A database comes back as it was before a mistake, by the commands of docs/backup.md."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from devstack import binaries, os_user
from tests.factories.backup_commands import commands
from tests.factories.processes import free_port, wait_for

MOMENT = "2026-01-31 11:59:00+00"
ACCOUNT = os_user.postgres_user()  # Postgres refuses to run as root


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the account of Postgres may enter and write; pytest's own are closed to it."""
    made = Path(tempfile.mkdtemp(prefix="kyc-recovery-"))
    if ACCOUNT:
        os.chown(made, ACCOUNT.uid, ACCOUNT.gid)
    yield made
    shutil.rmtree(made)


class Shell:
    """Runs commands as the account of Postgres, where `main` and `restored` are servers' data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._programs = binaries.reachable(binaries.postgres(), ACCOUNT).path.parent
        self.address = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self, script: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "LC_ALL": "C",
            "REPLICATION_URL": self.address,
        }
        return subprocess.Popen(
            ["bash", "-ec", script],
            cwd=self._folder,
            env=environment,
            stdout=(self._folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
            user=ACCOUNT.uid if ACCOUNT else None,
            group=ACCOUNT.gid if ACCOUNT else None,
            extra_groups=[] if ACCOUNT else None,
        )

    def run(self, script: str) -> None:
        assert self.start(script).wait(120) == 0, (self._folder / "log").read_text()[-5000:]


@pytest.mark.slow
def test_rows_from_before_the_moment_are_there_and_later_ones_are_not(folder: Path) -> None:
    shell = Shell(folder)
    make_folder, make_slot, base_backup, receive, *restore = commands("## A point in time")
    settings = (
        f"port = {shell.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off"
    )
    shell.run(
        f"initdb --pgdata=main --username=postgres --auth=trust --encoding=UTF8 --no-sync\n"
        f'echo "{settings}" >> main/postgresql.conf\n'
        f"pg_ctl --pgdata=main --wait start"
    )
    service = None
    try:
        with psycopg.connect(shell.address, autocommit=True) as server:
            server.execute("CREATE TABLE decision (text text)")
            shell.run(f"{make_folder}\n{make_slot}\n{base_backup}")
            service = shell.start(f"exec {receive}")
            server.execute("INSERT INTO decision VALUES ('before')")
            moment = server.execute("SELECT clock_timestamp()::text").fetchone()
            assert moment
            time.sleep(0.01)  # the mistake commits later by the server's clock
            server.execute("DELETE FROM decision")
            written = server.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert written
            wait_for(lambda: (folder / "wal" / written[0]).exists())
        shell.run("pg_ctl --pgdata=main --mode=immediate --wait stop")
        shell.run("\n".join(restore).replace(MOMENT, moment[0]))
        with psycopg.connect(shell.address) as server:
            assert server.execute("SELECT text FROM decision").fetchall() == [("before",)]
            wait_for(lambda: server.execute("SELECT pg_is_in_recovery()").fetchone() == (False,))
    finally:
        for data in ("main", "restored"):
            shell.start(f"pg_ctl --pgdata={data} --mode=immediate --wait stop").wait(60)
        if service:
            service.terminate()
            service.wait(60)
