"""`manage.py demo` as a user runs it: the real stack, the real baseline, the real samples."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.demo import SAMPLES
from devstack.paths import REPOSITORY
from kyc_review.demo import people
from tests.factories.processes import free_port, processes_of

VOTES = r"(?:[01]\.\d\d[* ] +){5}"
WENT = r"clear +cleared|(?:split vote|unanimous fake) +review queue"
MADE = {
    "sample-15-no-face": r"(?:- +){5}no face was found +back to the applicant",
    "sample-16-two-faces": r"(?:- +){5}more than one face was found +back to the applicant",
    "sample-17-phone-file": rf"{VOTES}(?:{WENT})",
}


def demo(folder: Path) -> str:
    command = ["env", f"DATA_DIR={folder}", sys.executable, "manage.py", "demo", "--exit"]
    command += ["--port", str(free_port())]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def table_of(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("sample-")]


@pytest.mark.slow
def test_every_sample_gets_five_votes_and_a_destination_and_a_second_run_finds_them(
    state_dir: Path,
) -> None:
    first = demo(state_dir)
    rows = table_of(first)
    samples = sorted(file.stem for file in SAMPLES.glob("*.jpg"))
    assert [row.split()[0] for row in rows] == [*samples, *MADE]
    for row in rows:
        went = MADE.get(row.split()[0], rf"{VOTES}(?:{WENT})")
        assert re.fullmatch(rf"\S+ +{went}", row), row

    kept = json.loads((state_dir / "demo.json").read_text())
    assert (state_dir / "demo.json").stat().st_mode & 0o777 == 0o600
    for person in people.PEOPLE:
        assert re.search(rf"^ +{person.username} +{kept['passwords'][person.username]} ", first, re.MULTILINE)
    assert kept["api_key"] in first
    assert processes_of(state_dir) == []

    second = demo(state_dir)
    assert f"{len(rows)} sample selfies were posted earlier" in second
    assert table_of(second) == rows
    assert json.loads((state_dir / "demo.json").read_text()) == kept
