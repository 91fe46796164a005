"""What the header of a view says of its worth."""

import pytest

from detection.forensics.catalogue import FORENSIC_VIEWS
from detection.forensics.worth import ViewWorth, view_worth
from kyc_review.workbench.evidence import worth
from kyc_review.workbench.evidence.worth import LIMITS, SHOWN, worth_line

VIEWS = {view.name: view for view in FORENSIC_VIEWS}


def test_every_view_names_its_limits_and_each_measured_one_its_figures() -> None:
    for view in FORENSIC_VIEWS:
        assert view.limits in LIMITS
        assert worth_line(view, {}).endswith(view.limits)
    for name, kinds in SHOWN.items():
        line = worth_line(VIEWS[name], {})
        for kind in kinds:
            measured = view_worth()[name][kind]
            assert f"AUC {measured.area:.2f} ({measured.low:.2f} to {measured.high:.2f})" in line
            assert f"on {measured.count} " in line


@pytest.mark.parametrize(
    ("area", "low", "words"),
    [
        (0.53, 0.48, "No better than chance on faces."),
        (0.56, 0.51, "A hint at most on faces."),
        (0.8, 0.76, "A fair sign on faces."),
        (0.93, 0.9, "A good sign on faces."),
    ],
)
def test_the_figures_are_put_into_words(
    monkeypatch: pytest.MonkeyPatch, area: float, low: float, words: str
) -> None:
    measured = {"noise": {"edited_face": ViewWorth("edited_face", area, low, area + 0.05, 400)}}
    monkeypatch.setattr(worth, "view_worth", lambda: measured)
    assert words in worth_line(VIEWS["noise"], {})


def test_a_mask_says_how_much_its_model_marks() -> None:
    line = worth_line(VIEWS["mask"], {"marked": {"forged": 0.1483, "real": 0.0351}})
    assert line.startswith("Marks 14.8 % of an edited picture and 3.5 % of a genuine one.")
