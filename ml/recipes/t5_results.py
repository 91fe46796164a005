"""From T5's votes to its figures: the document's two rules, and the honest evaluation of the same five voters."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.evaluation import class_means, protocols
from ml.evaluation.metrics import auc, missing, threshold_for_miss_rate
from ml.evaluation.votes import VoteTable
from ml.recipes.base import Context, Results, Scores
from ml.recipes.data import Divided
from ml.recipes.faces import called
from ml.recipes.probes import probes
from ml.shards import Store
from ml.training.stacking import midway_below

MISS = 0.05  # share of validation fakes that each voter's threshold may let pass
VOTERS = ["model 1", "model 2", "model 3", "model 4", "stack"]
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
    parted: Divided,
    store: Store,
    documented: tuple[Rows, Vote],
    honest: tuple[Rows, Vote],
    weights: str,
) -> Results:
    """Both protocols' figures. rows: side -> rows of the store, in the order of the votes."""
    (drawn, theirs), (apart, ours) = documented, honest
    source = np.array([p.source for p in parted.photos])[store.photo]
    group = np.array(parted.group)[store.photo]
    tables = {
        side: VoteTable.count(vote, HALF, store.label[drawn[side]], group[drawn[side]])
        for side, vote in (("validation", theirs.validation), ("test", theirs.test))
    }
    threshold = operating_point(ours.validation, store.label[apart["validation"]])
    label = store.label[apart["test"]]
    here, people = source[apart["test"]], group[apart["test"]]
    table = VoteTable.count(ours.test, threshold, label, people)
    told = protocols.documented(tables["validation"], tables["test"])
    for side, vote in (("validation", theirs.validation), ("test", theirs.test)):
        numbers = drawn[side]
        told |= mixed(side, vote, store.label[numbers], source[numbers], group[numbers])
    figures = protocols.honest(table) | source_matched(ours.test, label, here, people)
    flagged = np.asarray((ours.test >= threshold).any(1))
    mixture = protocols.in_the_document(label, flagged, here == "rff", people)
    figures |= {f"{name}_in_the_documents_mixture": figure for name, figure in mixture.items()}
    return Results(
        weights=weights,
        counts=parted.counts(),
        documented={"metric": "any-fake vote on validation; unanimous vote on test, human column left out"}
        | {"reported": protocols.REPORTED}
        | told,
        honest=figures,
        why=WHY,
        history=theirs.history | ours.history,
        scores=(_scores(store, apart["test"], source, group, ours.test, threshold),),
        extra={
            "split_sha256": parted.sha256,
            "skipped": parted.skipped,
            "probes": probes(parted)
            | {f"source_only_{k}": v for k, v in source_detector(store, drawn["test"], source).items()},
            "votes": {
                "documented, validation": tables["validation"].as_dict(),
                "documented, test": tables["test"].as_dict(),
                "honest, test": table.as_dict(),
                "the document's own test": protocols.DOCUMENT.as_dict(),
            },
            "documented_counted_honestly": protocols.honest(tables["test"]),
            "document_counted_honestly": protocols.honest(protocols.DOCUMENT),
            "thresholds": dict(zip(VOTERS, threshold.round(4).tolist(), strict=True)),
            "models": {
                name: called(
                    theirs.validation[:, k], store.label[drawn["validation"]], group[drawn["validation"]]
                )
                for k, name in enumerate(VOTERS)
            },
            "faces": class_means.write(class_means.class_mean_faces(store.label, store.images), context.out),
        },
    )


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
    told = {}
    for rule in ("any_fake",) if side == "validation" else rules:
        found = protocols.in_the_document(label, rules[rule], source == "rff", group)
        for name, figure in found.items():
            told[f"{side}_{rule}_{name}_in_the_documents_mixture"] = figure
    return told


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
