"""The report: its parts against independent formulas, and the page as a reader gets it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ml.cli import main
from ml.evaluation import class_means, report
from ml.evaluation.calibration import calibration, expected_error, temperature
from ml.evaluation.compare_runs import notices
from ml.evaluation.figures import figure_html
from ml.evaluation.page import render
from ml.evaluation.selective import at_recall, augrc, curve, selective
from ml.evaluation.slices import by_source, of_rff
from ml.evaluation.svg import Line, chart
from ml.recipes.catalogue import find
from ml.recipes.run import run


def scored(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(int)
    return label, 1 / (1 + np.exp(-(rng.normal(0, 1, n) + 1.5 * label)))


def test_the_area_of_generalised_risk_is_a_mean_over_thresholds() -> None:
    label, score = scored()
    cleared_fakes = [label[score <= cut].sum() / len(label) for cut in np.sort(score)]
    assert augrc(label, score) == pytest.approx(np.mean([0, *cleared_fakes]), abs=2e-3)


def test_perfect_order_leaves_risk_only_at_the_end() -> None:
    label = np.array([0] * 90 + [1] * 10)
    coverage, risk, hidden = curve(label, np.arange(100) / 100)
    assert risk[coverage <= 0.9].max() == 0
    assert hidden[-1] == pytest.approx(0.1)
    assert augrc(label, np.arange(100) / 100) == pytest.approx(0.1 * 0.1 / 2, abs=1e-3)


def test_at_another_prevalence_fakes_weigh_as_much_as_it_says() -> None:
    label, score = scored()
    assert curve(label, score, 0.001)[1][-1] == pytest.approx(0.001)


def test_load_and_precision_are_those_of_the_threshold_that_reaches_the_recall() -> None:
    label, score = scored()
    told = at_recall(label, score, 0.9)
    cut = max(c for c in score if (score[label == 1] >= c).mean() >= 0.9)
    alarm, recall = (score[label == 0] >= cut).mean(), (score[label == 1] >= cut).mean()
    assert told["load"] == pytest.approx(0.001 * recall + 0.999 * alarm)
    assert told["precision"] == pytest.approx(0.001 * recall / told["load"])


def test_intervals_hold_their_value() -> None:
    label, score = scored()
    for figure in selective(label, score, np.arange(400) // 2)["figures"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_handful_of_people_or_a_perfect_order_leaves_no_interval_and_says_so() -> None:
    label, score = scored()
    few = selective(label, score, np.arange(400) % 30)["figures"]["augrc"]
    assert "low" not in few or few["low"] < few["high"]
    tiny = selective(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]), np.arange(4))["figures"]
    for figure in tiny.values():
        assert figure["no_interval"] == "2 people of a class"
    label = np.repeat([0, 1], 40)
    perfect = selective(label, label.astype(float), np.arange(80))["figures"]["load_at_recall_90%"]
    assert perfect["no_interval"] == "every resample gives the same"
    assert figure_html(perfect, "load").endswith("(no interval: every resample gives the same)</small>")


def test_a_missing_figure_is_printed_with_its_reason() -> None:
    assert figure_html({"missing": "no <call>"}, "precision") == "<em>no &lt;call&gt;</em>"


def test_rates_count_people_and_not_their_pictures() -> None:
    label, flagged = np.repeat([1, 0], 40), np.tile(np.repeat([True, False], 20), 2)
    by_person = report.confusion(label, flagged, np.repeat(np.arange(8), 10))["recall_with_human"]
    by_row = report.confusion(label, flagged, np.arange(80))["recall_with_human"]
    assert by_person["value"] == by_row["value"] == 0.5
    assert by_person["high"] - by_person["low"] > 2 * (by_row["high"] - by_row["low"])


def test_a_side_of_one_class_is_named_and_not_dropped(tmp_path: Path) -> None:
    one = {"side": "test", "label": [0, 0], "score": [0.1, 0.2], "key": [], "source": [], "group": []}
    (tmp_path / "scores.json").write_text(json.dumps([one]))
    (tmp_path / "results.json").write_text("{}")
    built = report.build(tmp_path)
    assert built["sides"] == {}
    assert built["left_out"] == {"test": {"missing": "has one class only"}}


def test_the_temperature_is_the_slope_of_a_logistic_regression() -> None:
    label, score = scored(4000)
    logit = np.log(score / (1 - score))
    slope = LogisticRegression(C=1e9, fit_intercept=False).fit(logit[:, None], label).coef_[0, 0]
    assert temperature(label, score) == pytest.approx(1 / slope, rel=1e-3)


def test_a_calibrated_score_has_a_small_error_and_an_overconfident_one_is_mended() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    label = (rng.random(20_000) < p).astype(int)
    assert expected_error(label, p) < 0.02
    sharp = p**3 / (p**3 + (1 - p) ** 3)
    told = calibration(label, sharp, np.arange(20_000))
    assert told["expected_error"] > 0.1
    assert told["expected_error_with_temperature"] < 0.02
    assert told["temperature"] == pytest.approx(3, rel=0.05)


def test_streamed_average_faces_are_numpys() -> None:
    rng = np.random.default_rng(0)
    images, label = rng.integers(0, 256, (600, 4, 4, 3), dtype=np.uint8), rng.integers(0, 2, 600)
    faces = class_means.class_mean_faces(label, lambda rows: images[rows])
    assert np.allclose(faces["mean_fake"], images[label == 1].mean(0))
    assert np.allclose(faces["deviation_real"], images[label == 0].std(0))
    assert np.allclose(faces["difference"], abs(images[label == 1].mean(0) - images[label == 0].mean(0)))


def test_rffs_fakes_are_told_apart_by_region_and_difficulty() -> None:
    key = [
        f"rff/training_fake/{d}_{n}_{f}.jpg"
        for n, (d, f) in enumerate([("easy", "1000"), ("hard", "0011")] * 6)
    ]
    key += [f"rff/training_real/real_{n}.jpg" for n in range(12)]
    label = np.array([1] * 12 + [0] * 12)
    score = np.array([0.9, 0.1] * 6 + [0.5] * 12)
    rows = of_rff(key, label, score, score > 0.4, np.arange(24))
    assert rows["region: left eye"]["recall"]["value"] == 1
    assert rows["difficulty: hard"]["recall"]["value"] == 0
    assert rows["difficulty: easy"]["auc"]["value"] == 1
    assert rows["2 of 4 regions"]["auc"]["n"] == 18
    assert "region: right eye" not in rows
    few = of_rff(
        key[:3] + key[12:], label[[0, 1, 2, *range(12, 24)]], score[9:], score[9:] > 0.4, np.arange(15)
    )
    assert few["difficulty: easy"]["recall"] == {"missing": "fewer than 5 fakes"}
    assert of_rff(["lfw/a.jpg"] * 24, label, score, score > 0.4, np.arange(24)) == {}


def test_sources_have_only_the_rates_that_they_can_have() -> None:
    source = np.array(["rff", "lfw", "lfw"])
    rows = by_source(np.array([1, 0, 0]), np.array([True, False, True]), source, np.arange(3))
    assert set(rows["rff"]) == {"recall"}
    assert rows["lfw"]["false_alarm"]["value"] == 0.5


def test_what_goes_to_a_person_is_what_any_voter_calls_fake() -> None:
    scores = {"score": [0.9, 0.1, 0.9], "votes": {"a": [0.2, 0.2, 0.7], "b": [0.1, 0.4, 0.1]}}
    scores["thresholds"] = {"a": 0.5, "b": 0.3}
    assert report.calls(scores).tolist() == [False, True, True]


def test_a_chart_escapes_its_words_and_survives_a_single_point() -> None:
    drawn = chart([Line("a<b", [[1, 2]]), Line("c", [[1, 3]])], x="x & y", y="z")
    assert "a&lt;b" in drawn
    assert "x &amp; y" in drawn
    assert drawn.count("<circle") == 2


def test_a_finished_run_has_a_page_that_asks_nothing_of_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("a", "b"):
        run(find("T6"), data=None, out=tmp_path / part, smoke=True, quiet=True)
    page = (tmp_path / "a/report.html").read_text()
    assert "<h1>Recipe T6, smoke run</h1>" in page
    assert "say nothing about the system" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert page.count("data:image/png;base64,") == 5
    for words in (
        "Why they differ",
        "ROC curve",
        "Calibration",
        "at one forgery in a thousand",
        "header only AUC",
    ):
        assert words in page
    document = json.loads((tmp_path / "a/report.json").read_text())
    test = document["sides"]["test"]
    rows = json.loads((tmp_path / "a/scores.json").read_text())[0]
    assert test["areas"]["auc"]["value"] == pytest.approx(
        roc_auc_score(rows["label"], rows["score"]), abs=1e-4
    )
    document["why"], document["counts"]["<b>side"] = "<script>alert(1)</script>", {"real": 1, "fake": 1}
    hostile = render(document, tmp_path / "a")
    assert "<script" not in hostile
    assert "&lt;b&gt;side" in hostile
    assert main(["report", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    told = capsys.readouterr().out
    assert "honest auc" in told
    assert told.startswith("The figures of a smoke run mean nothing")


def test_what_cannot_be_compared_is_said_before_the_figures() -> None:
    first, second = ({"recipe": name, "config": {"smoke": False}} for name in ("E", "D"))
    assert notices(first, first) == []
    assert len(notices(first, second)) == 1
    assert "two recipes" in notices(first, second)[0]
    assert len(notices(first, second | {"config": {"smoke": True}})) == 2


def test_an_unfinished_run_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "expected the folder of a finished run" in capsys.readouterr().err
