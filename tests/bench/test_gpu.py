import json
from pathlib import Path

import pytest
import torch

from bench import gpu
from tests.factories.bundles import tiny_bundle

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is available")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_refuses_and_measures_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out)]) == 1
    assert "no CUDA device is available" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("frame", ["centre", "face"])
def test_every_figure_is_measured(tmp_path: Path, frame: str) -> None:
    """On the processor, with a small bundle: the same code that measures a card."""
    tiny_bundle(tmp_path, frame=frame)
    report = gpu.measure(tmp_path, torch.device("cpu"), seconds=0.01, batch=4)
    assert report["votes"] == {
        "largest_difference": 0.0,
        "calls": 4 * 5,
        "calls_that_differ": 0,
        "limit": 0.01,
        "equal": True,
    }
    rates = ("network_images_per_s", "decoded_images_per_s", "files_images_per_s")
    assert report["network_images_per_s"] > report["files_images_per_s"] > 0
    assert all(report[name] > 0 for name in (*rates, "latency_ms", "picture_latency_ms"))
    assert report["training"]["steps_per_s"] > 0
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.gpu
@needs_cuda
def test_on_a_card_votes_equal_the_processors_and_two_processes_share_it(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out), "--seconds", "1"]) == 0
    report = json.loads(out.read_text())
    assert report["votes"]["equal"]
    assert report["memory_mb"] > 0
    assert report["two_processes"]["together"] > 0
