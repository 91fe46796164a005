"""tools/image_digests.py, with a `docker` that answers as the real one does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = "sha256:" + "0a" * 32


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    docker = folder / "docker"
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:/usr/bin:/bin"}
    command = [sys.executable, "tools/image_digests.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_every_image_of_others_is_printed_by_its_digest(tmp_path: Path) -> None:
    done = run(tmp_path, f'[ "$1 $2 $3 $5" = "buildx imagetools inspect --format" ] && echo {PIN}')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line in (
        f"POSTGRES_IMAGE=postgres:18@{PIN}",
        f"VALKEY_IMAGE=valkey/valkey:9@{PIN}",
        f"PYTHON_IMAGE=python:3.12-slim@{PIN}",
        f"  - {{name: postgres, digest: {PIN}}}",
        f"  - {{name: valkey/valkey, digest: {PIN}}}",
    ):
        assert line in lines
    assert len(lines) == 7


def test_an_image_that_cannot_be_asked_for_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "echo 'no such host' >&2; exit 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no digest of python:3.12-slim: no such host" in done.stderr
