"""The overlay of a segmentation model's map: seen where it means something, and absent where it does not."""

import numpy as np
import pytest

from detection.forensics.tamper_mask import OPAQUE, PINK, tamper_overlay


@pytest.mark.parametrize(("peak", "alpha"), [(0.2, 0.4), (0.3, 0.6), (0.5, 1.0), (0.9, 1.0)])
def test_a_place_is_drawn_by_its_probability_up_to_one_half(peak: float, alpha: float) -> None:
    mask = np.zeros((40, 60), np.float32)
    mask[10:20, 30:40] = peak
    overlay, facts = tamper_overlay(mask, (60, 40))
    assert (overlay.mode, overlay.size) == ("RGBA", (60, 40))
    assert overlay.getpixel((35, 15)) == (*PINK, round(alpha * OPAQUE))
    assert overlay.getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert facts == {"peak": pytest.approx(peak, abs=0.001), "is_faint": False}


def test_a_map_of_low_probabilities_is_faint_and_shows_nothing() -> None:
    overlay, facts = tamper_overlay(np.full((40, 60), 0.19, np.float32), (30, 20))
    assert facts["is_faint"] is True
    assert (overlay.size, overlay.getchannel("A").getextrema()) == ((30, 20), (0, 0))
