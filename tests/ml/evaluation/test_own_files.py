"""A set's own fakes are compared with its genuine files, and with nothing that was saved again."""

import numpy as np
import pytest

from ml.evaluation.own_files import Files, best_cut, own_files


def files(score: list[float], label: list[int], post: list[str] | None = None) -> Files:
    """Of one set, each of another person."""
    count = len(score)
    return Files(
        np.array(score),
        np.array(label),
        np.repeat("rff", count),
        np.array([f"p{row}" for row in range(count)]),
        np.array(post or ["file"] * count),
        np.zeros(count, bool),
    )


def test_the_cut_comes_from_validation_and_is_measured_on_test() -> None:
    validation = files([0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1])
    found = own_files(validation, files([0.1, 0.7, 0.5, 0.9], [0, 0, 1, 1]))["rff"]
    assert found["cut_of_validation"] == 0.6
    assert found["accuracy"]["value"] == 0.5  # the genuine 0.7 and the fake 0.5 are wrong
    assert found["auc"]["value"] == 0.75
    assert found["false_alarm_at_recall"]["value"] == 0.5
    assert found["false_alarm_at_recall"]["n"] == 2


def test_the_interval_counts_that_the_cut_is_uncertain() -> None:
    """Genuine scores lie where the fakes' cut may fall: with the cut held fixed, none of them could be above it."""
    score = [0.1] * 30 + [0.5] * 10 + [0.4] * 9 + [0.6] * 31
    test = files(score, [0] * 40 + [1] * 40)
    found = own_files(test, test)["rff"]["false_alarm_at_recall"]
    assert (found["value"], found["low"]) == (0, 0)
    assert found["high"] > 0.2


def test_what_was_saved_again_is_left_out() -> None:
    test = files([0.1, 0.95, 0.9], [0, 0, 1], ["file", "chain", "file"])
    assert own_files(files([0.1, 0.9], [0, 1]), test)["rff"]["auc"]["value"] == 1


def test_a_set_without_genuine_files_keeps_its_row_and_says_why() -> None:
    found = own_files(files([0.1, 0.9], [0, 1]), files([0.9], [1]))
    assert "one class" in str(found["rff"])


@pytest.mark.parametrize(("label", "cut"), [([0, 0, 1], 0.3), ([0, 0, 0], np.inf), ([1, 1, 1], 0.1)])
def test_the_best_cut_may_call_all_or_none_fake(label: list[int], cut: float) -> None:
    assert best_cut(np.array([0.1, 0.2, 0.3]), np.array(label)) == cut
