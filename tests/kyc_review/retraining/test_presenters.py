import pytest

from kyc_review.retraining.comparison_figures import Span
from kyc_review.retraining.comparison_presenter import present_comparison
from kyc_review.retraining.facts_presenter import snapshot_facts
from kyc_review.retraining.presenters import (
    FIGURES_MAX,
    Balance,
    Task,
    against_champion,
    balances,
    balancing,
    figures,
    measured,
)
from tests.factories.decisions import frozen_snapshot
from tests.factories.reports import report


def test_nested_metrics_become_lines() -> None:
    metrics = {
        "test": {"auc": 0.912345, "recall_interval": [0.8, 0.95], "images": 12345},
        "note": "held out by person",
        "curve": [1, 2, 3, 4],
        "ok": True,
    }
    assert figures(metrics) == [
        ("test auc", "0.9123"),
        ("test recall interval", "0.8 to 0.95"),
        ("test images", "12,345"),
        ("note", "held out by person"),
    ]


def test_long_reports_are_cut_and_empty_ones_are_empty() -> None:
    assert len(figures({str(n): n for n in range(100)})) == FIGURES_MAX
    assert figures({}) == []


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 50}


def test_the_shipped_form_of_metrics_becomes_one_line_a_task() -> None:
    votes = {"recall_with_human": estimate(0.72), "false_alarm": estimate(0.54), "review_load": estimate(0.6)}
    counts = {"fake": [3, 0, 1, 2, 4, 30], "real": [900, 200, 60, 20, 10, 10]}
    report = {
        "auc": {"own_rff": {"north": estimate(0.5), "stack": estimate(0.66)}},
        "votes": {"own_rff": votes | counts},
    }
    assert measured({"validation": {"votes": {}}, "test": report}) == (
        "test",
        [
            Task(
                name="Its own fakes: RFF",
                faces="40 fakes, 1,200 real",
                auc="0.66 (0.56 to 0.76)",
                recall="72 % (62 to 82)",
                false_alarms="54 % (44 to 64)",
                load="60 % (50 to 70)",
            )
        ],
    )


def test_metrics_in_another_form_give_no_table() -> None:
    others: tuple[dict[str, object] | None, ...] = (
        {},
        None,
        {"test": 3},
        {"test": {"votes": []}},
        {"accuracy": 0.9},
    )
    for metrics in others:
        assert measured(metrics) == ("", [])
    told = measured({"test": {"votes": {"all": {"recall_with_human": "?", "fake": [1, "?"]}}}})[1][0]
    assert (told.recall, told.faces) == ("", "")


def test_each_voters_balance_is_told_in_words() -> None:
    counts = {"real": 400, "fake": 160, "made": 120, "shown_fake": 0.2857}
    told = [
        {"voter": "north", "way": "smote-under-focal", **counts},
        {"voter": "east", "way": "of old", **counts},
    ]
    words = "SMOTE to 0.4, undersampling to 0.5, focal loss"
    assert balances({"balanced": told}) == [
        Balance("north", words, 400, 160, 120, 28.6),
        Balance("east", "of old", 400, 160, 120, 28.6),
    ]


def test_what_was_asked_is_told_in_words() -> None:
    assert balancing("pairs") == "Balanced: As many fakes as reals of each source"
    assert balancing("smote") == "Balanced: SMOTE to 1:1"
    assert balancing("pairs,smote,under,under") == "Each voter is balanced differently"


def test_a_provenance_without_balances_gives_no_table() -> None:
    for told in ({}, None, {"balanced": {"north": 1}}, {"balanced": [{"voter": "north", "real": 1}, 3]}):
        assert balances(told) == []


def told(value: float, low: float, high: float) -> dict:
    difference = {"value": value, "low": low, "high": high, "n": 63}
    return {
        "against_champion": {
            "champion": 0.92,
            "candidate": 0.92 + value,
            "people": 50,
            "difference": difference,
        }
    }


def test_a_candidate_is_called_better_only_when_its_whole_interval_is() -> None:
    found = [
        against_champion(told(*interval))
        for interval in ((0.03, 0.01, 0.05), (0.03, -0.01, 0.05), (-0.1, -0.2, 0.0), (-0.1, -0.2, -0.01))
    ]
    heads = [one.text.split(" than")[0] for one in found if one]
    assert heads == ["Better", "Not better", "Not better", "Worse"]
    assert [one.is_better for one in found if one] == [True, False, False, False]
    assert found[1] is not None
    assert (
        "0.950 against 0.920, a difference of 0.030 (-0.010 to 0.050) on 63 faces of 50 people"
        in found[1].text
    )
    assert against_champion({}) is None
    assert against_champion({"against_champion": {"difference": 3}}) is None


@pytest.mark.django_db
def test_forest_plots_share_a_scale_that_holds_every_bound() -> None:
    compared = present_comparison(report(), 0.0)
    spans = [pair.span for pair in compared.pairs if pair.span]
    assert spans
    for span in spans:
        assert span.low <= span.middle <= span.high
        assert max(abs(span.low), abs(span.high)) <= compared.reach
    assert compared.reach % 10 == 0
    assert compared.width == 2 * compared.reach
    recall = report()["holdout"]["weighted"]["difference"]["recall"]
    assert spans[0] == Span(*(round(100 * recall[key], 1) for key in ("low", "value", "high")))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("compared", "said", "unsaid"),
    [
        (0, "How many are wrong was not measured yet", "estimated"),
        (0, "About 20 % are assumed to be wrong", "estimated"),
        (12, "About 20 % are wrong, estimated from 12 items", "assumed"),
    ],
)
def test_the_assumed_share_of_wrong_labels_is_not_called_an_estimate(
    compared: int, said: str, unsaid: str
) -> None:
    snapshot = frozen_snapshot()
    snapshot.facts["labels"] = {"noise": 0.2, "compared": compared, "people": 1}
    (labels,) = [fact for fact in snapshot_facts(snapshot) if fact.name == "Labels"]
    assert said in labels.text
    assert unsaid not in labels.text
    assert not labels.is_fine
