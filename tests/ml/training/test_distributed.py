"""Two real processes on the processor train one candidate."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from detection import bundle as bundles
from ml.training.distributed import Processes, process_count
from tests.factories.training_snapshots import snapshot, told

NAMES = ("north", "east", "south", "west")


def command(root: Path, served: Path, name: str, processes: int, people: int = 30) -> list[str]:
    manifest = root / "snapshot" / "manifest.json"
    manifest = manifest if manifest.exists() else snapshot(root / "snapshot", people)
    parts = ["-m", "ml", "train", "--manifest", str(manifest), "--init", str(served), "--epochs", "2"]
    parts += ["--out", str(root / name), "--work", str(root / f"{name}-work")]
    return [sys.executable, *parts, "--processes", str(processes)]


def test_every_member_is_one_process_own() -> None:
    processes = [Processes(rank, 3) for rank in range(3)]
    assert sorted(name for one in processes for name in one.share_of(NAMES)) == sorted(NAMES)
    assert Processes().share_of(NAMES) == NAMES


def test_there_are_no_more_processes_than_members(served: Path) -> None:
    assert process_count(9, members_of=served) == 4
    assert process_count(None, members_of=served) == min(4, max(1, torch.cuda.device_count()))
    with pytest.raises(ValueError, match="at least one"):
        process_count(0, members_of=served)


@pytest.mark.slow
def test_two_processes_make_the_candidate_that_one_makes(tmp_path: Path, served: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # sums of floats depend on the number of threads
    for name, processes in (("alone", 1), ("both", 2)):
        done = subprocess.run(
            command(tmp_path, served, name, processes), env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("reach a human") == 1
    alone, both = bundles.read(tmp_path / "alone"), bundles.read(tmp_path / "both")
    assert both.metrics == alone.metrics
    assert [part.threshold for part in both.parts] == [part.threshold for part in alone.parts]
    for part in both.parts:
        one, other = load_file(alone.path / part.file), load_file(both.path / part.file)
        assert all(torch.equal(one[name], other[name]) for name in one), part.name
    lines = told(tmp_path / "both-work")
    assert {line["rank"] for line in lines} == {0, 1}
    assert {line["member"]: line["rank"] for line in lines if "member" in line} == dict(
        zip(NAMES, (0, 1, 0, 1), strict=True)
    )


@pytest.mark.slow
def test_a_killed_launch_takes_its_processes_along_and_is_gone_on_with(tmp_path: Path, served: Path) -> None:
    wanted_ = command(tmp_path, served, "candidate", 2)
    killed = subprocess.Popen(wanted_, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = tmp_path / "candidate-work" / "members" / "north.safetensors"
    deadline = time.monotonic() + 300
    while not first.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    trained = psutil.Process(killed.pid).children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert first.exists()
    assert psutil.wait_procs(trained, timeout=20)[1] == []
    written = first.stat().st_mtime_ns
    done = subprocess.run(wanted_, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == written
    assert bundles.read(tmp_path / "candidate").provenance["epochs"] == 2


@pytest.mark.slow
def test_a_refusal_of_two_processes_has_its_reason_and_status(tmp_path: Path, served: Path) -> None:
    done = subprocess.run(command(tmp_path, served, "small", 2, people=3), capture_output=True, text=True)
    assert done.returncode == 2
    assert "applicants labelled real" in done.stderr
