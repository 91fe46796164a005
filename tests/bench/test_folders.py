import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.folders import bench_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_run_left_is_removed_by_the_next(place: Path, ended: int) -> None:
    left = place / f"kyc-bench-{ended}-abc"
    (left / "postgres").mkdir(parents=True)
    others = place / "kyc-bench-of-someone-else"
    others.mkdir()
    with bench_folder() as mine:
        assert not left.exists()
        with bench_folder() as second:  # the first one's run lives
            assert {mine, second, others} == set(place.iterdir())
    assert list(place.iterdir()) == [others]


def test_a_folder_that_a_process_of_a_killed_run_uses_is_left(place: Path, ended: int) -> None:
    used = place / f"kyc-bench-{ended}-abc"
    used.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", "input()", str(used / "data")], stdin=subprocess.PIPE
    ) as user:
        with bench_folder():
            assert used.exists()
        user.communicate(b"\n")
    with bench_folder():
        assert not used.exists()
