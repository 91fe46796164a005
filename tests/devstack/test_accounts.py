import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from devstack.os_user import OsUser, may_enter, postgres_user
from devstack.paths import REPOSITORY, StackPaths
from devstack.pidfile import read
from tests.factories.processes import Keeper, eventually, processes_of

NOBODY = OsUser("nobody", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


def python_for(account: OsUser) -> tuple[str, str]:
    """An interpreter that the account may run, and the PYTHONPATH that gives it our packages."""
    packages = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (os.path.realpath(sys.executable), f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if not Path(python).exists() or not may_enter(Path(python).resolve(), account):
            continue
        tried = subprocess.run(
            [python, "-c", "import tests.devstack.keeper"],
            cwd=REPOSITORY if may_enter(REPOSITORY, account) else "/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            env=os.environ | {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
        )
        if tried.returncode == 0:
            return python, packages
    pytest.skip(f"{account.name} cannot run {version} with the packages of this environment")


def owner_of_postgres(state_dir: Path) -> str:
    pid = next(entry.pid for entry in read(StackPaths(state_dir)) if entry.name == "postgres")
    return psutil.Process(pid).username()


def test_a_folder_that_is_closed_above_cannot_be_entered(tmp_path: Path) -> None:
    deep = tmp_path / "closed" / "open"
    deep.mkdir(parents=True)
    stranger = OsUser("stranger", 54321, 54321)
    for folder in (tmp_path, *tmp_path.parents):
        if not stat.S_IMODE(folder.stat().st_mode) & 0o001:
            assert not may_enter(deep, stranger)
            return
    (tmp_path / "closed").chmod(0o700)
    assert not may_enter(deep, stranger)


@as_root
def test_as_root_postgres_runs_under_an_account_without_rights(
    state_dir: Path, keeper: Callable[..., Keeper]
) -> None:
    account = postgres_user()
    assert account is not None
    assert account.uid != 0
    keeper()
    assert owner_of_postgres(state_dir) == account.name


@as_root
def test_an_ordinary_user_runs_everything_as_himself(state_dir: Path, keeper: Callable[..., Keeper]) -> None:
    python, packages = python_for(NOBODY)
    os.chown(state_dir.parent, NOBODY.uid, NOBODY.gid)
    environment = os.environ | {
        "PYTHONPATH": packages,
        "HOME": str(state_dir.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    kept = keeper(command=(python,), user=NOBODY.uid, group=NOBODY.gid, extra_groups=[], env=environment)
    with psycopg.connect(kept.urls["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert owner_of_postgres(state_dir) == "nobody"
    kept.kill()
    assert eventually(lambda: processes_of(state_dir) == [])


@as_root
def test_a_state_directory_of_another_user_is_refused_in_one_line(state_dir: Path) -> None:
    python, packages = python_for(NOBODY)
    state_dir.mkdir()
    refused = subprocess.run(
        [python, "-m", "tests.devstack.keeper", str(state_dir)],
        cwd=REPOSITORY,
        user=NOBODY.uid,
        group=NOBODY.gid,
        extra_groups=[],
        env=os.environ | {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "belongs to another user" in refused.stderr
    assert refused.stderr.count("\n") == 1
