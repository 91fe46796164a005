"""The quick start of docs/api.md does what it says, word for word."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.factories.pictures import jpeg_bytes

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.split("## Quick start")[1], re.DOTALL)
    assert found
    return found[1]


def run(command: list[str], folder: Path, server: str, key: str) -> str:
    (folder / "selfie.jpg").write_bytes(jpeg_bytes(600, 600))
    environment = os.environ | {"API": f"{server}/api/v1", "KEY": key}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quick_start_with_curl_works(server: str, test_key: str, clockwork: None, tmp_path: Path) -> None:
    script = block("sh").split("\n", 1)[1]  # its first line sets API and KEY
    out = run(["bash", "-euc", script], tmp_path, server, test_key)
    decoder, answers, rest = json.JSONDecoder(), [], out.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    posted, listed = answers
    assert (posted["status"], posted["result"], posted["metadata"]) == (
        "completed",
        "clear",
        {"branch": "12"},
    )
    assert [one["id"] for one in listed["data"]] == [posted["id"]]


def test_the_quick_start_with_python_works(
    server: str, test_key: str, clockwork: None, tmp_path: Path
) -> None:
    out = run([sys.executable, "-c", block("python")], tmp_path, server, test_key)
    assert out.strip() == "clear A reviewer found the picture genuine."
