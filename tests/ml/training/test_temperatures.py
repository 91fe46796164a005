import pytest

from ml.training.temperatures import TEMPERATURE_PRIOR_ROWS, shrunk_temperature


def test_a_temperature_moves_with_the_number_of_rows() -> None:
    assert shrunk_temperature(10.0, 2.0, 0) == pytest.approx(2.0)
    assert shrunk_temperature(8.0, 2.0, TEMPERATURE_PRIOR_ROWS) == pytest.approx(4.0)
    assert shrunk_temperature(10.0, 2.0, 10**7) == pytest.approx(10.0, rel=1e-3)
    with pytest.raises(ValueError, match="above 0"):
        shrunk_temperature(0.0, 2.0, 5)
