"""What tests of clients share: where their tools are, how they run, and answers of the API."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.paths import REPOSITORY

TOOLS = REPOSITORY / ".clients"
DOCUMENT = REPOSITORY / "docs" / "openapi.yaml"
FLOWS = REPOSITORY / "tests" / "live" / "clients" / "flows"
COMPILER_OPTIONS = ["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
# As the API answers, and a field of a later version.
SUBMISSION: dict[str, Any] = {
    "id": "0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10",
    "external_ref": "application-1",
    "applicant_ref": "",
    "metadata": {},
    "status": "in_review",
    "result": None,
    "reasons": [],
    "checks": [],
    "test": True,
    "sha256": "9f",
    "reference_sha256": None,
    "received_at": "2026-11-21T09:30:00Z",
    "completed_at": None,
    "updated_at": "2026-11-21T09:30:00.123456Z",
    "added_later": 1,
}


def run(command: list[str], folder: Path, more: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (more or {}), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()


def example(readme: Path, number: int, language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", readme.read_text(), re.DOTALL)[number]


def posted(port: int, body: str, headers: dict[str, str]) -> int:
    """The status of a receiver that may just have been started."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body.encode(), headers, method="POST")
    ends = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            assert time.monotonic() < ends, "the receiver does not answer"
            time.sleep(0.1)
