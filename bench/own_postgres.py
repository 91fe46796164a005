"""Runs a measurement of its own process in an empty, migrated database."""

import json
import os
import subprocess
import sys
from typing import Any

from bench.folders import bench_folder
from devstack import environment, services
from devstack.paths import REPOSITORY, prepare_state_dir
from devstack.progress import Say


def measured_in(module: str, arguments: list[str], say: Say) -> Any:
    """The JSON that `python -m MODULE ARGUMENTS` prints as its last line."""
    with bench_folder() as folder:
        state_dir = folder / "stack"
        with services.ensure(state_dir=state_dir, say=say) as urls:
            variables = os.environ | environment.variables(prepare_state_dir(state_dir), urls, 0)
            variables["DATABASE_URL"] = urls.owner_url  # migrates and makes a table to compare with
            for command in (["manage.py", "migrate", "-v0"], ["-m", module, *arguments]):
                say(f"running {command[1]}")
                done = subprocess.run(
                    [sys.executable, *command],
                    env=variables,
                    cwd=REPOSITORY,
                    stdout=subprocess.PIPE,
                    check=True,
                )
    return json.loads(done.stdout.decode().splitlines()[-1])
