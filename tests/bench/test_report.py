import math

import pytest

from bench.report import line, percentile


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_the_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 99))


def test_a_missed_target_is_said_loudly(capsys: pytest.CaptureFixture[str]) -> None:
    assert not line("memory", "200 MB", reached=False, target="< 150 MB")
    assert "MISSED" in capsys.readouterr().out
