"""A real PgBouncer; tests are skipped where it is not installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devstack.os_user import postgres_user
from tests.factories.processes import eventually, free_port

CONFIGURATION = """
[databases]
* = host={HOST} port={PORT}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {pool_mode}
default_pool_size = 4
server_round_robin = 1
"""


@contextmanager
def pgbouncer(server: Mapping[str, Any], pool_mode: str = "transaction") -> Iterator[int]:
    """The port of a pooler in front of `server` (Django's settings of a database), with two connections that its
    transactions (or sessions: `pool_mode`) get in turns."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    folder, port, account = Path(tempfile.mkdtemp(prefix="kyc-pooler-")), free_port(), postgres_user()
    users, configuration = folder / "users", folder / "pgbouncer.ini"
    users.write_text(f'"{server["USER"]}" "{server["PASSWORD"]}"\n')
    configuration.write_text(CONFIGURATION.format(**server, port=port, users=users, pool_mode=pool_mode))
    if account:
        for path in (folder, users, configuration):
            shutil.chown(path, account.uid, account.gid)
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        [program, str(configuration)],
        stdout=log,
        stderr=log,
        user=account.uid if account else None,  # it refuses to run as root
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        assert eventually(lambda: _open_two(server, port) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.kill()
        process.wait()
        log.close()
        shutil.rmtree(folder)


def _open_two(server: Mapping[str, Any], port: int) -> bool:
    """Two transactions at once, so that it opens two connections."""
    login = {"user": server["USER"], "password": server["PASSWORD"], "dbname": server["NAME"]}
    try:
        with (
            psycopg.connect(host="127.0.0.1", port=port, **login) as one,
            psycopg.connect(host="127.0.0.1", port=port, **login) as other,
        ):
            one.execute("SELECT 1")
            other.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
