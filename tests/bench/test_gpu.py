import json
from pathlib import Path

import pytest
import torch

from bench import gpu
from detection.ensemble import Ensemble
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


@pytest.mark.parametrize(("frame", "compression"), [("centre", False), ("face", True)])
def test_every_figure_is_measured(tmp_path: Path, frame: str, compression: bool) -> None:
    """On the processor, with a small bundle: the same code that measures a card."""
    tiny_bundle(tmp_path, frame=frame, compression=compression)
    report = gpu.measure(tmp_path, torch.device("cpu"), seconds=0.01, batch=4)
    assert report["votes"] == {
        "largest_difference": 0.0,
        "calls": 4 * 5,
        "calls_that_differ": 0,
        "limit": 0.01,
        "equal": True,
    } | ({"compression_read": 4, "with_traces": 4} if compression else {})
    rates = ("network_images_per_s", "decoded_images_per_s", "files_images_per_s")
    assert report["network_images_per_s"] > report["files_images_per_s"] > 0
    assert all(report[name] > 0 for name in (*rates, "compression_ms", "latency_ms", "picture_latency_ms"))
    assert report["training"]["steps_per_s"] > 0
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_votes_of_the_shipped_bundle_are_compared_with_traces_of_edits() -> None:
    """Without any, the stack's input would say nothing, and its vote would be that of the members alone."""
    served = Ensemble.load(gpu.REPOSITORY / "detection" / "baseline", device="cpu")
    made = gpu.pictures(6)
    told = gpu._votes(served, served, made)
    assert told["compression_read"] == 6
    assert told["with_traces"] == 3
    votes, alone = (served.score(made.images, made.frames, cells) for cells in (made.cells, [None] * 6))
    raised = [one[-1].probability > other[-1].probability for one, other in zip(votes, alone, strict=True)]
    assert raised == [False, True] * 3
    assert [one[:-1] for one in votes] == [other[:-1] for other in alone]


@pytest.mark.gpu
@needs_cuda
def test_on_a_card_votes_equal_the_processors_and_two_processes_share_it(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out), "--seconds", "1"]) == 0
    report = json.loads(out.read_text())
    assert report["votes"]["equal"]
    assert report["memory_mb"] > 0
    assert report["two_processes"]["together"] > 0
