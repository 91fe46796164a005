"""Dawid and Skene with priors: against a computation by hand, published data and simulated reviewers."""

import random

import pytest

from estimation.agreement import dawid_skene
from estimation.consensus import consensus


def simulated(
    accuracy: float, *, items: int = 1000, people: int = 5, twice: float = 0.2, gold: int = 60, seed: int = 0
) -> tuple[list[tuple[int, int, bool]], dict[int, bool], dict[int, bool]]:
    """(answers, known answers, truth): half of the items are fake; gold items come on top, numbered below zero."""
    draw = random.Random(seed)
    truth = {item: draw.random() < 0.5 for item in range(-gold, items)}
    answers = []
    for item, is_fake in truth.items():
        who = draw.sample(range(people), 2 if item >= 0 and draw.random() < twice else 1)
        answers += [(item, person, is_fake == (draw.random() < accuracy)) for person in who]
    return answers, {item: truth[item] for item in range(-gold, 0)}, truth


def test_one_answer_of_a_person_known_from_calibration_items_is_bayes_rule() -> None:
    """Ten fakes, nine called fake, and ten real ones, all called real: with the prior 13/15 and 14/15 right."""
    known = {f"fake-{n}": True for n in range(10)} | {f"real-{n}": False for n in range(10)}
    answers = [(item, "ann", is_fake and item != "fake-0") for item, is_fake in known.items()]
    found = consensus([*answers, ("new", "ann", True)], known)
    ann = found.people["ann"]
    assert (ann.sensitivity, ann.specificity, ann.compared) == (13 / 15, 14 / 15, 20)
    share = (found.fake["new"] + 5) / (1 + 10)
    assert found.fake["new"] == pytest.approx(
        share * 13 / 15 / (share * 13 / 15 + (1 - share) / 15), abs=1e-3
    )
    assert found.fake["fake-0"] == 1.0


@pytest.mark.parametrize("accuracy", [0.95, 0.8, 0.6])
def test_the_noise_of_labels_is_estimated_from_calibration_items_and_second_answers(accuracy: float) -> None:
    errors = []
    for seed in range(5):
        answers, known, truth = simulated(accuracy, seed=seed)
        found = consensus(answers, known)
        labels = {item: said for item, _, said in answers if item >= 0}
        wrong = sum(labels[item] != truth[item] for item in labels) / len(labels)
        errors.append(found.noise(labels) - wrong)
    assert abs(sum(errors) / len(errors)) < 0.05


def test_probabilities_are_calibrated_where_people_differ_in_skill() -> None:
    draw = random.Random(1)
    skill = [0.95, 0.9, 0.8, 0.65, 0.55]
    truth = {item: draw.random() < 0.4 for item in range(4000)}
    answers = [
        (item, person, is_fake == (draw.random() < skill[person]))
        for item, is_fake in truth.items()
        for person in draw.sample(range(5), 2 if draw.random() < 0.4 else 1)
    ]
    known = {item: truth[item] for item in range(300)}
    found = consensus(answers, known)
    for person, right in enumerate(skill):
        assert found.people[person].sensitivity == pytest.approx(right, abs=0.1)
        assert found.people[person].specificity == pytest.approx(right, abs=0.1)
    unknown = [item for item in truth if item >= 300]
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        held = [item for item in unknown if low <= found.fake[item] < high]
        if len(held) > 100:
            share = sum(truth[item] for item in held) / len(held)
            assert share == pytest.approx(sum(found.fake[item] for item in held) / len(held), abs=0.07)


def test_with_many_answers_it_agrees_with_the_model_without_priors() -> None:
    draw = random.Random(2)
    truth = {item: draw.random() < 0.5 for item in range(300)}
    skill = [0.9, 0.85, 0.8, 0.75, 0.7]
    rows = [(i, p, t == (draw.random() < skill[p])) for i, t in truth.items() for p in range(5)]
    plain = dawid_skene((item, person, "fake" if said else "real") for item, person, said in rows)
    found = consensus(rows)
    assert sum((plain[i]["fake"] > 0.5) == (found.fake[i] > 0.5) for i in truth) >= 295


def test_without_any_comparison_a_person_counts_as_the_prior_says() -> None:
    found = consensus([(n, "ann", n % 2 == 0) for n in range(20)])
    assert found.compared == 0
    assert found.people["ann"].sensitivity == 0.8
    assert found.fake[0] == pytest.approx(0.8, abs=0.02)
    with pytest.raises(ValueError, match="no labels"):
        found.noise({})


def test_an_unsure_answer_counts_half_in_the_odds_and_in_its_authors_figures() -> None:
    """A sure answer of an unknown person has odds of four to one; half of their logarithm is two to one."""
    found = consensus([("a", "ann", True), ("b", "bob", False)], unsure={("a", "ann")})
    assert found.fake["a"] == pytest.approx(2 / 3, abs=0.05)
    assert found.fake["b"] == pytest.approx(1 / 5, abs=0.05)
    known = dict.fromkeys(range(10), True)
    wrong = [(number, "ann", False) for number in known]
    sure, unsure = consensus(wrong, known), consensus(wrong, known, {(n, "ann") for n in known})
    assert sure.people["ann"].sensitivity == pytest.approx(4 / 15)
    assert unsure.people["ann"].sensitivity == pytest.approx(4 / 10)
