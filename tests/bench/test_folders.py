import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.folders import bench_folder
from devstack.os_user import SHARED_PLACES, postgres_elsewhere
from devstack.paths import StackPaths


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_run_left_is_removed_by_the_next(place: Path) -> None:
    left = place / "kyc-bench-run-abc"
    (left / "postgres").mkdir(parents=True)
    others = place / "kyc-bench-of-someone-else"
    others.mkdir()
    with bench_folder() as mine:
        assert not left.exists()
        with bench_folder() as second:  # the first one's run lives
            assert {mine, second, others} == set(place.iterdir())
    assert list(place.iterdir()) == [others]


def test_a_run_of_another_process_keeps_its_folder_until_it_is_killed(place: Path) -> None:
    program = (
        f"import tempfile; tempfile.tempdir = {str(place)!r}\n"
        "from bench.folders import bench_folder\n"
        "with bench_folder() as folder: print(folder, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        theirs = Path(run.stdout.readline().strip())
        with bench_folder():
            assert theirs.is_dir()
        run.kill()
    with bench_folder():
        assert not theirs.exists()


def test_a_folder_that_a_process_of_a_killed_run_uses_is_left(place: Path) -> None:
    used = place / "kyc-bench-run-abc"
    used.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", "input()", str(used / "data")], stdin=subprocess.PIPE
    ) as user:
        with bench_folder():
            assert used.exists()
        user.communicate(b"\n")
    with bench_folder():
        assert not used.exists()


@pytest.mark.parametrize(
    "text", ["", "\n", ".", "postgres", "/", "/var/lib/postgres", "relative/0123456789ab/postgres"]
)
def test_a_damaged_pointer_lets_nothing_elsewhere_be_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(place)
    (place / "kept").mkdir()
    left = place / "kyc-bench-run-abc"
    left.mkdir()
    StackPaths(left).postgres_pointer.write_text(text)
    assert postgres_elsewhere(StackPaths(left)) is None
    with bench_folder():
        assert not left.exists()
    assert (place / "kept").is_dir()


def test_a_pointer_that_was_written_whole_is_followed(place: Path) -> None:
    data = SHARED_PLACES[0] / "kyc-review" / "0123456789ab" / "postgres"
    StackPaths(place).postgres_pointer.write_text(f"{data}\n")
    assert postgres_elsewhere(StackPaths(place)) == data
