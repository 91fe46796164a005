"""From T5's votes to its figures: the document's two rules, and the honest evaluation of the same five voters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.evaluation import class_means, protocols
from ml.evaluation.metrics import auc, missing, threshold_for_miss_rate
from ml.evaluation.votes import VoteTable
from ml.recipes.base import Context, Results, Scores
from ml.recipes.data import Divided
from ml.recipes.faces import rates_at_half
from ml.recipes.probes import probes
from ml.shards import Store
from ml.training.thresholds import midway_below

MISS = 0.05  # share of validation fakes that each voter's threshold may let pass
VOTERS = ["model 1", "model 2", "model 3", "model 4", "stack"]
METRIC = "any-fake vote on validation; unanimous vote on test, human column left out"
WHY = (
    "The document's fakes all come from RFF and nearly all of its reals do not, so knowing the source is enough; it "
    "leaves what goes to a human out of its rates, trains the stack on its members' own rows, and divides at random."
)
Rows = dict[str, np.ndarray]
HALF = np.full(len(VOTERS), 0.5)


@dataclass(frozen=True, slots=True)
class Vote:
    """One protocol's five voters: probabilities (N, 5) of fake on both sides, and how they learned."""

    validation: np.ndarray
    test: np.ndarray
    history: dict[str, list[dict[str, float]]] = field(default_factory=dict)


def results(
    context: Context,
    divided: Divided,
    store: Store,
    documented: tuple[Rows, Vote],
    honest: tuple[Rows, Vote],
    weights: str,
) -> Results:
    """Both protocols' figures. rows: side -> rows of the store, in the order of the votes."""
    (documented_rows, documented_vote), (honest_rows, honest_vote) = documented, honest
    source = np.array([p.source for p in divided.photos])[store.photo]
    group = np.array(divided.group)[store.photo]
    tables = {
        side: VoteTable.count(vote, HALF, store.label[documented_rows[side]], group[documented_rows[side]])
        for side, vote in _sides_of(documented_vote)
    }
    threshold = operating_point(honest_vote.validation, store.label[honest_rows["validation"]])
    test = honest_rows["test"]
    table = VoteTable.count(honest_vote.test, threshold, store.label[test], group[test])
    figures = protocols.documented(tables["validation"], tables["test"])
    for side, vote in _sides_of(documented_vote):
        rows = documented_rows[side]
        figures |= mixed(side, vote, store.label[rows], source[rows], group[rows])
    by_source = source_detector(store, documented_rows["test"], source)
    shown = documented_rows["validation"]
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented={"metric": METRIC, "reported": protocols.REPORTED} | figures,
        honest=_honest_figures(
            table, honest_vote.test, threshold, store.label[test], source[test], group[test]
        ),
        why=WHY,
        history=documented_vote.history | honest_vote.history,
        scores=(_scores(store, test, source, group, honest_vote.test, threshold),),
        extra={
            "split_sha256": divided.sha256,
            "skipped": divided.skipped,
            "probes": probes(divided) | {f"source_only_{name}": value for name, value in by_source.items()},
            **_vote_counts(tables, table),
            "thresholds": dict(zip(VOTERS, threshold.round(4).tolist(), strict=True)),
            "models": _each_voter(documented_vote.validation, store.label[shown], group[shown]),
            "faces": class_means.write(class_means.class_mean_faces(store.label, store.images), context.out),
        },
    )


def _sides_of(vote: Vote) -> tuple[tuple[str, np.ndarray], ...]:
    return ("validation", vote.validation), ("test", vote.test)


def _honest_figures(
    table: VoteTable,
    votes: np.ndarray,
    threshold: np.ndarray,
    label: np.ndarray,
    source: np.ndarray,
    group: np.ndarray,
) -> dict[str, Any]:
    """The honest test side, also within RFF and in the document's mixture. votes: (N, 5); threshold: (5,)."""
    flagged = np.asarray((votes >= threshold).any(1))
    mixture = protocols.in_the_document(label, flagged, source == "rff", group)
    return (
        protocols.honest(table)
        | source_matched(votes, label, source, group)
        | {f"{name}_in_the_documents_mixture": figure for name, figure in mixture.items()}
    )


def _vote_counts(documented: Mapping[str, VoteTable], honest: VoteTable) -> dict[str, Any]:
    """Who voted how often for what under each protocol and in the document, and the document's counted honestly."""
    return {
        "votes": {
            "documented, validation": documented["validation"].as_dict(),
            "documented, test": documented["test"].as_dict(),
            "honest, test": honest.as_dict(),
            "the document's own test": protocols.DOCUMENT.as_dict(),
        },
        "documented_counted_honestly": protocols.honest(documented["test"]),
        "document_counted_honestly": protocols.honest(protocols.DOCUMENT),
    }


def _each_voter(votes: np.ndarray, label: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    return {name: rates_at_half(votes[:, k], label, group) for k, name in enumerate(VOTERS)}


def operating_point(validation: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(5,) thresholds, each letting at most MISS of the validation fakes below it. validation: (N, 5).

    They lie midway below the lowest fake that is found, so that rounding does not decide about that one.
    """
    return np.array([midway_below(p, threshold_for_miss_rate(label, p, MISS)) for p in validation.T])


def mixed(
    side: str, votes: np.ndarray, label: np.ndarray, source: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    """One side's figures under the document's rules, weighed to its own mixture of sources, as the stand-ins for CelebA
    are far fewer than its 202,599 faces. votes: (N, 5) probabilities; the others: (N,)."""
    each = votes >= 0.5
    rules = {"any_fake": np.asarray(each.any(1)), "unanimous": np.asarray(each.all(1))}
    figures = {}
    for rule in ("any_fake",) if side == "validation" else rules:
        for name, figure in protocols.in_the_document(label, rules[rule], source == "rff", group).items():
            figures[f"{side}_{rule}_{name}_in_the_documents_mixture"] = figure
    return figures


def source_matched(
    votes: np.ndarray, label: np.ndarray, source: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    """Areas of the stack: over everything, and within RFF, where the source carries no information."""
    rff = source == "rff"
    figures: dict[str, Any] = {"auc": auc(label, votes[:, 4], group).as_dict()}
    figures["auc_rff_only"] = (
        auc(label[rff], votes[rff, 4], group[rff]).as_dict()
        if len(set(label[rff])) == 2
        else missing("RFF has one class only on this side")
    )
    return figures


def source_detector(store: Store, rows: np.ndarray, source: np.ndarray) -> dict[str, Any]:
    """Recall and precision, on these rows, of calling everything from RFF a fake."""
    from_rff = rows[source[rows] == "rff"]
    fakes = int(store.label[from_rff].sum())
    found = protocols.knows_only_the_source(fakes, len(from_rff) - fakes)
    return {name: figure.as_dict() for name, figure in found.items()}


def _scores(
    store: Store,
    rows: np.ndarray,
    source: np.ndarray,
    group: np.ndarray,
    votes: np.ndarray,
    threshold: np.ndarray,
) -> Scores:
    return Scores(
        side="test",
        key=[store.keys[i] for i in store.photo[rows]],
        source=source[rows].tolist(),
        group=group[rows].tolist(),
        label=store.label[rows].tolist(),
        score=votes[:, 4].round(6).tolist(),
        votes={name: votes[:, k].round(6).tolist() for k, name in enumerate(VOTERS)},
        thresholds=dict(zip(VOTERS, threshold.tolist(), strict=True)),
    )
