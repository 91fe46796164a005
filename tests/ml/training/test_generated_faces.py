from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from detection.networks.hybrid import LITE0
from detection.networks.pooled_lite0 import FEATURES
from estimation.intervals import clopper_pearson_upper
from ml.evaluation.metrics import wilson
from ml.training.generated_faces import FaceScores, certified_threshold, early_features, exported, fit_judge


def test_the_judge_tells_classes_apart_and_sets_of_genuine_faces_weigh_the_same(tmp_path: Path) -> None:
    """A set of many genuine faces must not drown another of few."""
    torch.manual_seed(0)
    network = early_features(timm.create_model(LITE0, num_classes=0).state_dict())
    rng = np.random.default_rng(0)
    source = np.array(["many"] * 400 + ["few"] * 20 + ["made"] * 100)
    label = (source == "made").astype(int)
    features = rng.normal(size=(len(source), FEATURES)).astype(np.float32) * 3 + 5
    features[source == "made", 0] += 9
    features[source == "few", 0] += 4
    fit_judge(network, features, label, source)
    with torch.inference_mode():
        score = network.judge(torch.from_numpy(features)).softmax(1)[:, 1].numpy()
    assert (score[label == 1] > 0.5).mean() > 0.95
    assert (score[source == "few"] < 0.5).mean() > 0.9
    side = FaceScores(score, label, source, np.arange(len(source)).astype(str))
    model = exported(tmp_path / "model", network, side, side, share=0.02, provenance={"data": "noise"})
    assert model.sees_faces
    assert model.review_above is not None
    assert (score[label == 0] >= model.review_above).sum() == model.metrics["certificate"]["reached"]
    assert model.metrics["certificate"]["share_at_most"] <= 0.02
    assert set(model.metrics["false_alarm_by_source"]) == {"few", "many"}


def test_versions_of_one_face_count_once(tmp_path: Path) -> None:
    """Each face twice: the certificate and the width of the intervals are those of the faces, not of the rows."""
    torch.manual_seed(0)
    network = early_features(timm.create_model(LITE0, num_classes=0).state_dict())
    rng = np.random.default_rng(0)
    label = np.repeat([0] * 400 + [1] * 60, 2)
    person = np.repeat(np.arange(460), 2).astype(str)
    source = np.where(label == 1, "made", "real")
    score = np.where(label == 1, np.repeat(rng.random(460), 2), rng.random(920) * 0.5)
    side = FaceScores(score, label, source, person)
    model = exported(tmp_path / "model", network, side, side, share=0.02, provenance={})
    assert model.review_above is not None
    certificate, recall = model.metrics["certificate"], model.metrics["recall"]
    told = score >= model.review_above
    assert certificate["genuine"] == 400
    assert certificate["reached"] == len(set(person[told & (label == 0)]))
    faces = wilson(int(told[label == 1].sum()) // 2, 60)
    assert (recall["n"], recall["faces"]) == (120, 60)
    assert recall["value"] == pytest.approx(faces.value, abs=1e-4)
    assert (recall["low"], recall["high"]) == pytest.approx((faces.low, faces.high), abs=0.005)
    alarm = model.metrics["false_alarm"]
    assert (alarm["n"], alarm["faces"]) == (800, 400)


@pytest.mark.parametrize(("count", "share"), [(400, 0.02), (1033, 0.01), (300, 0.01)])
def test_a_threshold_is_the_lowest_that_the_count_certifies(count: int, share: float) -> None:
    scores = np.random.default_rng(count).random(count)
    threshold, reached = certified_threshold(scores, share)
    assert (scores >= threshold).sum() == reached
    assert clopper_pearson_upper(reached, count) <= share < clopper_pearson_upper(reached + 1, count)


def test_too_few_genuine_faces_certify_nothing() -> None:
    with pytest.raises(ValueError, match="more are needed"):
        certified_threshold(np.zeros(100), 0.01)
