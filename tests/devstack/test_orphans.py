import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from devstack import credentials, paths, pidfile
from tests.factories.processes import Keeper, eventually, processes_of


def test_a_supervisor_killed_with_9_leaves_no_process_and_its_data_is_there_after_the_next_start(
    state_dir: Path, keeper: Callable[..., Keeper]
) -> None:
    first = keeper()
    with psycopg.connect(first.urls["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with redis.Redis.from_url(first.urls["VALKEY_URL"]) as client:
        client.set("kept", "7")
    assert len(processes_of(state_dir)) > 2
    first.kill()
    assert eventually(lambda: processes_of(state_dir) == [])
    second = keeper()
    with psycopg.connect(second.urls["DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    with redis.Redis.from_url(second.urls["VALKEY_URL"]) as client:
        assert client.get("kept") == b"7"


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_no_signal_leaves_an_orphan(
    state_dir: Path, keeper: Callable[..., Keeper], signal_number: signal.Signals
) -> None:
    keeper().process.send_signal(signal_number)
    assert eventually(lambda: processes_of(state_dir) == [])


def sleeper(**variables: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ | variables
    )


def test_the_next_start_ends_what_the_run_file_names_and_what_carries_the_token(state_dir: Path) -> None:
    where = paths.prepare_state_dir(state_dir)
    token = credentials.credentials(where).token
    named, bearer = sleeper(), sleeper(KYC_STACK_TOKEN=token)
    assert eventually(lambda: psutil.Process(bearer.pid).environ().get("KYC_STACK_TOKEN") == token)
    entry = pidfile.Entry.of("worker", named.pid)
    assert entry
    pidfile.write(where, [entry])
    ended = pidfile.end_orphans(where, where.root / "postgres", token)
    assert "worker" in ended
    assert not psutil.pid_exists(named.pid)
    assert not psutil.pid_exists(bearer.pid)
    assert not where.run_file.exists()


def test_a_stranger_that_got_the_same_process_id_is_left_alone(state_dir: Path) -> None:
    where = paths.prepare_state_dir(state_dir)
    stranger = sleeper(KYC_STACK_TOKEN="another stack's")
    try:
        pidfile.write(where, [pidfile.Entry("worker", stranger.pid, time.time() - 1000)])
        home = where.root / "postgres"
        home.mkdir()
        (home / "postmaster.pid").write_text(f"{stranger.pid}\n{home}\n")
        assert pidfile.end_orphans(where, home, credentials.credentials(where).token) == []
        assert stranger.poll() is None
        assert not (home / "postmaster.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()
