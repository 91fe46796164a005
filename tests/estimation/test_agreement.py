import random

import numpy as np
import pytest

from estimation.agreement import ITERATIONS, PRIOR, dawid_skene


def test_the_consensus_follows_reliable_people_against_two_who_guess() -> None:
    rows: list[tuple[object, int, str]] = []
    for item in range(40):
        truth = "fake" if item % 2 else "real"
        other = "real" if item % 2 else "fake"
        rows += [(item, person, truth) for person in (1, 2, 3)]
        rows += [(item, person, truth if (item // 2) % 2 else other) for person in (4, 5)]
    rows += [("contested", 1, "fake"), ("contested", 4, "real"), ("contested", 5, "real")]
    belief = dawid_skene(rows)
    assert belief["contested"]["fake"] > 0.5, "a majority vote would say real"
    assert all(belief[item]["fake" if item % 2 else "real"] > 0.9 for item in range(40))


def test_no_answers_have_no_consensus() -> None:
    assert dawid_skene([]) == {}


def test_it_is_the_expectation_maximisation_that_numpy_computes() -> None:
    draw = random.Random(0)
    labels, people = ["fake", "real"], range(4)
    rows = [
        (item, person, labels[(item + (draw.random() < 0.1 + 0.1 * person)) % 2])
        for item in range(50)
        for person in people
        if draw.random() < 0.7
    ]
    said = np.zeros((50, 4, 2))
    for item, person, label in rows:
        said[item, person, labels.index(label)] = 1
    said = said[said.sum(axis=(1, 2)) > 0]
    belief = said.sum(axis=1) / said.sum(axis=(1, 2))[:, None]
    for _ in range(ITERATIONS):
        prevalence = (belief.sum(axis=0) + PRIOR) / (len(belief) + 2 * PRIOR)
        counts = np.einsum("ips,it->pts", said, belief) + PRIOR
        confusion = counts / counts.sum(axis=2, keepdims=True)
        logs = np.log(prevalence) + np.einsum("ips,pts->it", said, np.log(confusion))
        belief = np.exp(logs - logs.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
    found = [[one["fake"], one["real"]] for _, one in sorted(dawid_skene(rows).items())]
    assert np.array(found) == pytest.approx(belief)
