"""The release before this one: which migrations are newer, and its code."""

import io
import os
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parents[2]
_RECORD = tomllib.loads((ROOT / "tests" / "deploy" / "release_before.toml").read_text())
COMMIT: str = _RECORD["commit"]
LAST_MIGRATIONS: dict[str, str] = _RECORD["migrations"]
OURS = "kyc_review."


def new_migrations() -> dict[tuple[str, str], Migration]:
    """By app and name: those of our apps that the release before does not have."""
    loader = MigrationLoader(None)
    old = {
        node
        for app, name in LAST_MIGRATIONS.items()
        for node in loader.graph.forwards_plan((app, name))
        if node[0] in LAST_MIGRATIONS
    }
    return {
        key: migration
        for key, migration in loader.disk_migrations.items()
        if migration.__module__.startswith(OURS) and key not in old
    }


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def skip_without_history() -> None:
    """A shallow clone, or an archive without a repository, does not have the commit."""
    try:
        git("cat-file", "-e", f"{COMMIT}^{{commit}}")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"the history does not reach back to {COMMIT[:8]} (git fetch --unshallow)")


def unpack_code(folder: Path) -> None:
    """The tree of the release before. It runs with the packages of this release."""
    skip_without_history()
    with tarfile.open(fileobj=io.BytesIO(git("archive", COMMIT))) as tree:
        tree.extractall(folder, filter="data")


def environment(**changes: str) -> dict[str, str]:
    """Of a process on another database: without pytest's own variables, which its tests would take for theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"DJANGO_SETTINGS_MODULE": "kyc_review.settings"} | changes
