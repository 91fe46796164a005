"""What is told of generators that were left out, whichever sides of the split their faces are on."""

import json

import numpy as np
import pytest
import timm
import torch
from sklearn.ensemble import RandomForestClassifier

from detection.networks.hybrid import LITE0
from detection.networks.pooled_lite0 import FEATURES, PooledLite0
from ml.training import generated_model
from ml.training.generated_faces import early_features
from ml.training.generated_model import cannot_fit, fit, left_out_figures, side_facts_tell
from ml.training.generated_rows import OWN_FILE, FaceRows

ALL = ("train", "validation", "test")
EACH = 12  # faces of a source and side


@pytest.fixture(scope="module")
def network() -> PooledLite0:
    torch.manual_seed(0)
    return early_features(timm.create_model(LITE0, num_classes=0).state_dict())


@pytest.fixture(autouse=True)
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_model, "TREES", 5)


def rows_of(**fakes: tuple[str, ...]) -> FaceRows:
    """Genuine faces of two sets on all sides, one of them the collection's, and each generator's on the sides that are
    given. Features and facts are noise, a little higher for generated faces."""
    listed = [(source, 0, side) for source in ("lfw", "gan_faces") for side in ALL for _ in range(EACH)]
    listed += [(source, 1, side) for source, sides in fakes.items() for side in sides for _ in range(EACH)]
    each = [(*face, person, 0) for person, face in enumerate(listed)]
    each += [(*row[:4], OWN_FILE) for row in each if row[1] and row[2] != "train"]
    source, label, side, person, version = (np.array(column) for column in zip(*each, strict=True))
    rng = np.random.default_rng(0)
    return FaceRows(
        (rng.normal(size=(len(each), FEATURES)) + 0.3 * label[:, None]).astype(np.float32),
        rng.normal(size=(len(each), 8)) + label[:, None],
        label,
        source,
        person.astype(str),
        side,
        version,
    )


def test_a_generator_without_faces_outside_training_keeps_its_row(network: PooledLite0) -> None:
    rows = rows_of(one=("train",), two=ALL)
    told = left_out_figures(rows, network, ["one"], 0.3)
    assert told == {"missing": "all faces of one are on the side of train"}


def test_a_generator_without_faces_on_test_has_figures_of_validation(network: PooledLite0) -> None:
    told = left_out_figures(rows_of(one=("validation",), two=ALL), network, ["one"], 0.3)
    assert told["side_facts"] == {"missing": "none of these faces is on the side of test"}
    assert told["as_genuine_files"]["recall"]["n"] == told["own_files"]["faces"] == EACH
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(("sides", "lacking"), [(("train", "test"), "validation"), (("test",), "train")])
def test_without_a_generated_face_to_learn_or_choose_from_nothing_is_fitted(
    network: PooledLite0, sides: tuple[str, ...], lacking: str
) -> None:
    rows = rows_of(one=sides, two=ALL)
    with pytest.raises(ValueError, match=rf"without two there is no generated face on the side of {lacking}"):
        fit(rows, network, ["two"])
    assert left_out_figures(rows, network, ["two"], 0.3) == {"missing": cannot_fit(rows, ["two"])}
    with pytest.raises(
        ValueError, match=rf"there is no generated face on the side of {lacking}.*add pictures"
    ):
        fit(rows_of(one=sides), network)


def test_the_photographs_of_a_collection_stay_when_its_generated_faces_are_left_out(
    network: PooledLite0, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, seen = rows_of(gan_faces=ALL, two=ALL), []

    class Recorded(RandomForestClassifier):
        def fit(self, facts: np.ndarray, label: np.ndarray) -> "Recorded":
            seen.append(label.tolist())
            super().fit(facts, label)
            return self

    def judge(network: PooledLite0, features: np.ndarray, label: np.ndarray, *others: object) -> None:
        seen.append(label.tolist())

    monkeypatch.setattr(generated_model, "fit_judge", judge)
    monkeypatch.setattr(generated_model, "RandomForestClassifier", Recorded)
    fit(rows, network, ["gan_faces"])
    side_facts_tell(rows, ["gan_faces"])
    assert all((label.count(0), label.count(1)) == (2 * EACH, EACH) for label in seen)
    assert len(seen) > 1
