import numpy as np
from sklearn.metrics import roc_auc_score

from ml.evaluation.forgeries import forgeries
from ml.training_rows import MASK, STORED, TrainingRows

KINDS = ("swap/nose/hard", "warp/eyes/swell", "retouch/skin/blur", "splice/patch/poisson")


def training_rows(pairs: int = 80) -> TrainingRows:
    label = np.tile(np.array([0, 1], np.float32), pairs)
    kind = np.array([["real", KINDS[k % 4]] for k in range(pairs)]).ravel()
    return TrainingRows(
        images=np.zeros((2 * pairs, STORED, STORED, 3), np.uint8),
        masks=np.zeros((2 * pairs, MASK, MASK), np.uint8),
        label=label,
        made=label == 1,
        index=np.repeat(np.arange(pairs), 2),
        kind=kind,
        masked=np.ones(2 * pairs, bool),
        difficulty=np.zeros(2 * pairs, np.float32),
        strength=label * np.repeat(np.arange(pairs) % 30, 2),
        post=np.repeat(np.where(np.arange(pairs) % 2, "none", "noise"), 2),
    )


def test_each_kind_is_compared_with_its_own_originals() -> None:
    rows = training_rows()
    score = np.random.default_rng(0).normal(size=len(rows.label))
    score[rows.kind == "warp/eyes/swell"] += 9
    table = forgeries(rows, score, rows.index.astype(str))
    assert set(table["by_way"]) == {"swap", "warp", "retouch", "splice"}
    assert table["by_way"]["warp"]["auc"]["value"] == 1.0
    assert table["by_way"]["warp"]["told_apart"]["value"] == 1.0
    splice = np.flatnonzero(rows.kind == "splice/patch/poisson")
    expected = roc_auc_score([1] * 20 + [0] * 20, np.concatenate([score[splice], score[splice - 1]]))
    assert abs(table["by_way"]["splice"]["auc"]["value"] - expected) < 1e-4


def test_pairs_of_one_person_count_as_one_person() -> None:
    rows = training_rows()
    score = np.repeat(np.arange(80) % 8 < 4, 2) * rows.label  # half of the people's forgeries score above
    each, eight = (
        forgeries(rows, score, g)["pooled"]["all"]["told_apart"] for g in (rows.index, rows.index % 8)
    )
    assert each["value"] == eight["value"] == 0.5
    assert eight["high"] - eight["low"] > 2 * (each["high"] - each["low"])


def test_splices_are_not_in_the_first_pool_and_seams_leave_warps_out() -> None:
    table = forgeries(training_rows(), np.arange(160.0), training_rows().index.astype(str))
    assert table["pooled"]["swap_warp_retouch"]["told_apart"]["n"] == 60
    assert table["pooled"]["all"]["told_apart"]["n"] == 80
    assert set(table["by_seam"]) == {"hard", "poisson"}


def test_slices_of_a_few_pairs_are_left_out() -> None:
    table = forgeries(training_rows(), np.arange(160.0), training_rows().index.astype(str))
    assert all(each["told_apart"]["n"] >= 10 for named in table.values() for each in named.values())
