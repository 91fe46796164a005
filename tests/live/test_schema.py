"""Schemathesis against the live server: no 5xx, and no answer that docs/openapi.yaml does not describe."""

import os
import subprocess
import sys
from pathlib import Path

from tests.live.conftest import REPOSITORY

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "use_after_free",
    "ignored_auth",
)


def test_the_live_server_keeps_to_its_schema(server: str, live_key: str, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        str(REPOSITORY / "docs/openapi.yaml"),
    ]
    command += [
        "--url",
        server,
        "--header",
        f"Authorization: Bearer {live_key}",
        "--checks",
        ",".join(CHECKS),
    ]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "15", "--seed", "1"]
    command += ["--workers", "1", "--generation-deterministic", "--no-color"]
    environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
