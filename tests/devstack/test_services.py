import json
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from devstack import paths, services
from devstack.errors import AlreadyRunning, StackRefused
from devstack.os_user import postgres_home, postgres_user
from devstack.paths import StackPaths
from tests.factories.processes import processes_of


def test_both_services_answer_and_nothing_is_left_after_the_block(state_dir: Path) -> None:
    with services.ensure(state_dir=state_dir, durable=False) as urls:
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(urls.valkey_url) as client:
            assert client.ping()
    assert processes_of(state_dir) == []


def test_data_and_ports_survive_a_restart(state_dir: Path) -> None:
    with services.ensure(state_dir=state_dir) as first:
        with psycopg.connect(first.owner_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'a row' AS said")
        with redis.Redis.from_url(first.valkey_url) as client:
            client.lpush("queue", "a message")
    with services.ensure(state_dir=state_dir) as second:
        assert second == first
        with psycopg.connect(second.owner_url) as connection:
            assert connection.execute("SELECT said FROM kept").fetchone() == ("a row",)
        with redis.Redis.from_url(second.valkey_url) as client:
            assert client.lrange("queue", 0, -1) == [b"a message"]


def test_a_database_of_an_earlier_version_changes_hands(state_dir: Path) -> None:
    """There the application's role owned everything and made databases; there was no other one."""
    with (
        services.ensure(state_dir=state_dir, durable=False) as first,
        psycopg.connect(first.owner_url, autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 'a row' AS said")
        connection.execute("REASSIGN OWNED BY kyc_owner TO kyc")
    secrets = StackPaths(state_dir).secrets
    kept = json.loads(secrets.read_text())
    del kept["postgres_owner"]
    secrets.write_text(json.dumps(kept))
    with services.ensure(state_dir=state_dir, durable=False) as second:
        with psycopg.connect(second.database_url, autocommit=True) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DROP TABLE kept")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE DATABASE another")
        with psycopg.connect(second.owner_url) as connection:
            assert connection.execute("SELECT said FROM kept").fetchone() == ("a row",)


def test_both_services_want_the_password_and_the_role_is_no_superuser(state_dir: Path) -> None:
    with services.ensure(state_dir=state_dir, durable=False) as urls:
        without = psycopg.conninfo.make_conninfo(urls.database_url, password="wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(without)
        nobody = redis.Redis(port=urlsplit(urls.valkey_url).port or 0)
        with nobody, pytest.raises(redis.AuthenticationError):
            nobody.ping()
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SHOW is_superuser").fetchone() == ("off",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_secrets_are_readable_by_their_owner_alone(state_dir: Path) -> None:
    with services.ensure(state_dir=state_dir, durable=False):
        where = StackPaths(state_dir)
        for private in (where.secrets, where.ports, where.valkey / "valkey.conf"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o600
        for folder in (where.logs, where.valkey):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_addresses_in_the_environment_are_taken_and_nothing_is_started(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    monkeypatch.setenv("VALKEY_URL", "redis://elsewhere/0")
    with services.ensure(state_dir=state_dir) as urls:
        assert (urls.database_url, urls.valkey_url) == ("postgres://elsewhere/db", "redis://elsewhere/0")
        assert processes_of(state_dir) == []


def test_a_second_stack_on_the_same_state_is_refused(state_dir: Path) -> None:
    with services.ensure(state_dir=state_dir, durable=False):
        second = services.ensure(state_dir=state_dir, durable=False)
        with pytest.raises(AlreadyRunning, match="already runs on"):
            second.__enter__()


def test_data_of_another_postgres_is_refused(state_dir: Path) -> None:
    home = postgres_home(paths.prepare_state_dir(state_dir), postgres_user())
    home.mkdir()
    (home / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackRefused, match="made by PostgreSQL 12"), services.ensure(state_dir=state_dir):
        pass


def test_a_full_disk_is_refused_in_one_line(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "FREE_BYTES_NEEDED", 10**18)
    with (
        pytest.raises(StackRefused, match=r"MB free .* free some space"),
        services.ensure(state_dir=state_dir),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot run Postgres below a closed folder")
def test_root_keeps_the_database_elsewhere_when_the_checkout_is_closed_to_other_accounts(
    state_dir: Path,
) -> None:
    state_dir.parent.chmod(0o700)
    with (
        services.ensure(state_dir=state_dir, durable=False) as urls,
        psycopg.connect(urls.database_url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    elsewhere = Path(StackPaths(state_dir).postgres_pointer.read_text().strip())
    assert state_dir not in elsewhere.parents
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700


def test_what_an_earlier_version_left_readable_is_private_from_the_next_start_on(tmp_path: Path) -> None:
    left = [tmp_path / name for name in ("logs/web.log", "valkey/dump.rdb", "derivatives/a", "metrics/b")]
    for file in left:
        file.parent.mkdir()
        file.parent.chmod(0o755)
        file.write_text("x")
        file.chmod(0o644)
    paths.prepare_state_dir(tmp_path)
    assert {file.parent.stat().st_mode & 0o777 for file in left} == {0o700}
    assert {file.stat().st_mode & 0o777 for file in left[:2]} == {0o600}
