from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection.bundle import Bundle, View
from detection.ensemble import Ensemble
from detection.networks.convnext import convnext
from ml.pictures import Picture, PictureStore, write_pictures
from ml.training.baseline_card import baseline_card
from ml.training.bundle_writer import Voter
from ml.training.calibrate import SplitSides, calibrate_and_write, own_weights
from ml.training.operating_point import ThresholdRule, certified_share
from ml.training.sides import StoredSplitSide

NAME, TINY = "convnext_zepto_rms_ols", {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8)}
TRAINED = {f"member-{k}": f"way {k}" for k in range(4)}
VIEWS = (View(32, 0.8), View(32, 0.5), View(64, 1.0), View(32, 0.8))


def pictures(folder: Path, seed: int, count: int = 60) -> PictureStore:
    """Noise of any brightness; fakes have a brighter middle. The second half are pairs that were made here."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(count):
        label, made = number % 2, number >= count // 2
        image = rng.integers(0, int(rng.integers(60, 250)), (70, 60, 3)).astype(np.uint8)
        image[25:45, 20:40] //= 1 + label
        mask = np.full((70, 60), 255 * label, np.uint8)
        is_made, post = made and bool(label), "none" if made else "file"
        rows.append(
            Picture(image, mask, label, is_made, True, number, "swap/nose/hard", post, 0.5, 20.0 * is_made)
        )
    return write_pictures(folder, rows)


def side(folder: Path, seed: int) -> StoredSplitSide:
    store = pictures(folder, seed)
    source = np.where(store.columns["post"] == "file", "rff", "lfw")
    return StoredSplitSide(store, source, np.array([f"person {n // 2}" for n in range(len(store))]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, StoredSplitSide]:
    folder = tmp_path_factory.mktemp("finish")
    torch.manual_seed(0)
    voters = [
        Voter(f"member-{k}", NAME, TINY, convnext(NAME, **TINY).eval(), view) for k, view in enumerate(VIEWS)
    ]
    sides = [side(folder / name, seed) for seed, name in enumerate(("stack", "validation", "test"))]
    bundle = calibrate_and_write(
        folder / "out",
        voters,
        SplitSides(sides[0], sides[1], sides[2]),
        ThresholdRule(0.3),
        version="finished-1",
        provenance={"start": "from scratch", "sources": ["rff"], "splits_sha256": "ab", "members": TRAINED},
        card="# Card\n",
        own_weight=5.0,
        pull=0.1,
    )
    return bundle, sides[1]


def test_what_the_manifest_says_of_validation_is_what_the_served_bundle_does(
    finished: tuple[Bundle, StoredSplitSide],
) -> None:
    """From the pictures themselves through serving's own code, with new crops."""
    bundle, validation = finished
    store = validation.store
    votes = Ensemble.load(bundle.path, device="cpu", threads=1).score(
        [Image.fromarray(store.image(row)) for row in range(len(store))]
    )
    flagged = np.array([any(vote.probability >= vote.threshold for vote in row) for row in votes])
    label = store.columns["label"]
    missed = int((~flagged & (label == 1)).sum())
    assert missed == bundle.metrics["certificate"]["missed"]
    assert 0 < missed <= 0.3 * (label == 1).sum()
    for name in ("rff", "lfw"):
        rows = (label == 0) & (validation.source == name)
        told = bundle.metrics["validation"]["false_alarm_by_source"][name]
        assert told["value"] == pytest.approx(flagged[rows].mean(), abs=1e-4)


def test_no_score_lies_on_a_threshold(finished: tuple[Bundle, StoredSplitSide]) -> None:
    bundle, validation = finished
    store = validation.store
    votes = Ensemble.load(bundle.path, device="cpu", threads=1).score(
        [Image.fromarray(store.image(row)) for row in range(len(store))]
    )
    nearest = np.abs([[vote.probability - vote.threshold for vote in row] for row in votes]).min(0)
    assert (nearest > 0).all()


def test_the_weight_of_a_sources_own_rows_leaves_the_labels_balanced(tmp_path: Path) -> None:
    rows = side(tmp_path, 0)
    weight, label = own_weights(rows, 5.0), rows.examples.label
    assert weight[label == 0].mean() == pytest.approx(1.0, abs=1e-5)
    assert weight[label == 1].mean() == pytest.approx(1.0, abs=1e-5)
    own = (label == 1) & ~rows.examples.made
    assert weight[own].mean() == pytest.approx(5 * weight[(label == 1) & rows.examples.made].mean(), rel=1e-4)


def test_the_most_misses_that_still_certify_a_bound() -> None:
    """13 of 81 have the exact bound 24.3 %, 14 have 25.7 % (Clopper and Pearson)."""
    assert certified_share(81, 0.25) == pytest.approx(13 / 81)
    assert certified_share(59, 0.05) == 0.0
    with pytest.raises(ValueError, match="cannot certify"):
        certified_share(58, 0.05)


def test_the_card_tells_the_manifests_figures(finished: tuple[Bundle, StoredSplitSide]) -> None:
    bundle, _ = finished
    card, test = baseline_card(bundle), bundle.metrics["test"]
    own = test["auc"]["own_rff"]["stack"]
    assert f"{own['value']:.2f} ({own['low']:.2f}-{own['high']:.2f})" in card
    alarm = test["false_alarm_by_source"]["lfw"]
    assert f"lfw {alarm['value']:.1%} ({alarm['low']:.1%}-{alarm['high']:.1%})" in card
    fakes, found = test["votes"]["all"]["fake"], bundle.metrics["certificate"]
    assert f"| all rows | {' / '.join(str(count) for count in fakes)} |" in card
    assert f"Of the {found['fakes']} fakes" in card
    assert all(f"| {name} | `{NAME}` |" in card and way in card for name, way in TRAINED.items())
    assert "None" not in card
