"""tools/bootstrap.sh on machines that lack something: one clear line each, exit code 1."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "dirname", "cat", "cksum", "df", "awk", "ls", "mktemp", "rm", "date", "sed", "grep", "tail")
REAL_PYTHON = os.path.realpath(sys.executable)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without .venv, and a PATH of nothing but the basic tools."""
    made = tmp_path / "checkout"
    for folder in ("tools", "requirements"):
        shutil.copytree(ROOT / folder, made / folder)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return made


def script(checkout: Path, name: str, text: str) -> None:
    path = checkout.parent / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def bootstrap(checkout: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": str(checkout.parent / "bin"), "HOME": str(checkout.parent)} | variables
    return subprocess.run(
        ["tools/bootstrap.sh", "web"], cwd=checkout, env=environment, capture_output=True, text=True
    )


def the_error(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def test_a_missing_interpreter(checkout: Path) -> None:
    script(checkout, "python3", "exit 1")
    assert "no Python 3.11 or newer found" in the_error(bootstrap(checkout))


def test_an_interpreter_without_venv(checkout: Path) -> None:
    script(checkout, "python3", f'case "$*" in *ensurepip*) exit 1;; esac; exec {REAL_PYTHON} "$@"')
    assert "apt-get install python3-venv" in the_error(bootstrap(checkout))


def test_a_full_disk(checkout: Path) -> None:
    script(checkout, "python3", f'exec {REAL_PYTHON} "$@"')
    script(checkout, "df", "echo Filesystem; echo /dev/vda 100 90 10 90% /")
    assert "has 10 MB free, the environment needs 500 MB" in the_error(bootstrap(checkout))


@pytest.mark.slow
def test_a_registry_that_cannot_be_reached(checkout: Path) -> None:
    script(checkout, "python3", f'exec {REAL_PYTHON} "$@"')
    nowhere = "http://127.0.0.1:1/simple"
    offline = {
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(checkout.parent / "cache"),
        "PIP_NO_CACHE_DIR": "1",
    }
    done = bootstrap(checkout, PIP_INDEX_URL=nowhere, UV_DEFAULT_INDEX=nowhere, PIP_RETRIES="0", **offline)
    assert "the package registry cannot be reached" in the_error(done)


def test_an_environment_that_holds_the_pins_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(REAL_PYTHON)
    digest = subprocess.run(
        "cat requirements/uv.txt requirements/web.txt | cksum",
        shell=True,
        cwd=checkout,
        capture_output=True,
        text=True,
    ).stdout
    (checkout / ".venv" / ".installed-web").write_text(digest)
    done = bootstrap(checkout)
    assert (done.returncode, done.stderr) == (0, "")
