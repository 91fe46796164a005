from dataclasses import replace

import pytest

from bench import scoring
from bench.scoring import Turn

SMALL = Turn(
    alone_ms=90,
    backlog_ms=50,
    backlog_per_s=10,
    busy_mb=400,
    rest_mb=300,
    decoders_mb=25,
    peak_mb=600,
    has_torch=False,
)


def test_ratios_compare_turns_that_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A slow minute of the machine is in both engines' turns, so it is in no ratio."""
    torch = [replace(SMALL, alone_ms=alone_ms) for alone_ms in (100, 200)]
    onnx = [replace(SMALL, alone_ms=alone_ms) for alone_ms in (50, 100)]
    assert scoring.report({"torch": torch, "onnxruntime": onnx})
    assert "0.50 (0.50 to 0.50)" in capsys.readouterr().out


def test_an_engine_that_takes_too_much_memory_in_any_turn_misses_its_target() -> None:
    large = replace(SMALL, busy_mb=scoring.MEMORY_TARGETS_MB["onnxruntime"])
    assert not scoring.report({"torch": [SMALL, SMALL], "onnxruntime": [SMALL, large]})
