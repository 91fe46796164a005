"""Where the tools for generated clients are, and how tests run them."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devstack.paths import REPOSITORY

TOOLS = REPOSITORY / ".clients"
DOCUMENT = REPOSITORY / "docs" / "openapi.yaml"
FLOWS = REPOSITORY / "tests" / "live" / "clients" / "flows"


def run(command: list[str], folder: Path, more: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (more or {}), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()
