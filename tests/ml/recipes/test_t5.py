"""T5's parts against independent formulas; the whole of it runs in test_recipes.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ml import shards
from ml.balancing import SETTINGS
from ml.evaluation import protocols
from ml.evaluation.votes import VoteTable
from ml.recipes.data import standardised
from ml.recipes.t5_data import Resampled, kept_for_the_stack, plain
from ml.recipes.t5_network import DocumentedConvNext
from ml.recipes.t5_results import operating_point
from ml.recipes.t5_voting import Combined, documented_network, slim, write_voting
from ml.sources import SourceMissing, voting


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> shards.Store:
    root = tmp_path_factory.mktemp("t5")
    write_voting(root)
    return shards.build_store(voting.read(root), root / "store", side=24, shards=3)


def test_each_picture_is_standardised_by_itself() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    x = standardised(images)
    expected = (images[1] - images[1].mean()) / (images[1].std() + 1e-6)
    assert np.allclose(x[1].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_resampling_stays_within_a_shard(store: shards.Store) -> None:
    rows = np.arange(len(store))
    drawn = Resampled(store, rows, SETTINGS[1], 0, by_shard=True).in_epoch(0).rows
    mixed = np.flatnonzero(drawn.share)
    assert len(mixed)
    assert (store.shard[drawn.first[mixed]] == store.shard[drawn.second[mixed]]).all()
    assert (store.label[drawn.first[mixed]] == 1).all()
    assert np.bincount(drawn.label).tolist() == [108, 108]


def test_every_epoch_shows_other_reals_and_the_same_epoch_shows_the_same(store: shards.Store) -> None:
    rows = Resampled(store, np.arange(len(store)), SETTINGS[4], 0, by_shard=True)
    shown = [set(rows.in_epoch(epoch).rows.first.tolist()) for epoch in (0, 1, 1)]
    assert shown[1] == shown[2]
    assert shown[0] != shown[1]
    assert len(rows.in_epoch(0)) == len(rows.in_epoch(1))


def test_plain_rows_are_the_stores_own(store: shards.Store) -> None:
    x, target = plain(store, np.array([70, 3])).batch(np.array([1, 0]), None)
    assert target.tolist() == store.label[[3, 70]].tolist()
    assert torch.equal(x, standardised(store.images(np.array([3, 70]))))


def test_the_stack_learns_on_whole_groups_of_both_classes() -> None:
    group = np.repeat([f"g{n}" for n in range(40)], 2)
    label = np.repeat([0] * 30 + [1] * 10, 2)
    kept = kept_for_the_stack(np.arange(80), group, label)
    assert set(group[kept]).isdisjoint(group[~kept])
    assert {int(v) for v in label[kept]} == {0, 1}
    assert kept.sum() == 2 * (4 + 2)


def test_the_documented_stack_moves_its_members() -> None:
    network = Combined([slim(False) for _ in range(4)])
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in network.members.parameters())


def test_the_documents_network_has_its_depths_and_widths() -> None:
    with torch.device("meta"):
        network = documented_network(False)
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 125, 125))
    assert sum(p.numel() for p in network.parameters()) == 206_583_106
    assert counter.get_total_flops() / 2 == pytest.approx(
        1.44e9, rel=0.001
    )  # one picture of the document's size


def test_each_stage_of_the_documents_network_halves_the_side() -> None:
    network = DocumentedConvNext(depths=(1, 1, 1, 1), widths=(8, 16, 24, 32), stem=4)
    x, sides = network.stem(torch.zeros(1, 3, 128, 128)), []
    for stage in network.stages:
        x = stage(x)
        sides.append(x.shape[-1])
    assert sides == [16, 8, 4, 2]


def test_every_voter_lets_at_most_a_twentieth_of_the_fakes_pass() -> None:
    rng = np.random.default_rng(0)
    votes, label = rng.random((400, 5)), np.array([0, 1] * 200)
    thresholds = operating_point(votes, label)
    assert not (votes[label == 1] == thresholds).any()  # on a fake's own score, rounding would decide
    missed = (votes[label == 1] < thresholds).mean(0)
    assert (missed <= 0.05).all()
    assert (missed >= 0.04).all()


def test_celeba_is_taken_where_it_is_and_stand_ins_where_it_is_not(tmp_path: Path) -> None:
    write_voting(tmp_path, count=12)
    assert {p.source for p in voting.read(tmp_path)} == {"rff", "lfw"}
    folder = tmp_path / "celeba/img_align_celeba"
    folder.mkdir(parents=True)
    (folder / "000001.jpg").write_bytes(b"")
    (tmp_path / "celeba/identity_CelebA.txt").write_text("000001.jpg 7\n")
    assert {p.source for p in voting.read(tmp_path)} == {"rff", "celeba"}


def test_rff_alone_is_refused(tmp_path: Path) -> None:
    write_voting(tmp_path, count=12)
    (tmp_path / "lfw").rename(tmp_path / "other")
    with pytest.raises(SourceMissing, match="expected real faces next to rff/"):
        voting.read(tmp_path)


def test_the_documents_own_table_gives_its_figures_and_the_honest_ones() -> None:
    told = protocols.documented(VoteTable((3, 40, 37), (19_894, 500, 6)), protocols.DOCUMENT)
    assert told["validation_recall"]["value"] == 0.9625
    assert told["test_recall"]["value"] == pytest.approx(0.9167, abs=1e-4)
    assert told["test_precision"]["value"] == pytest.approx(0.3929, abs=1e-4)
    counted = protocols.honest(protocols.DOCUMENT)
    assert counted["recall_with_human"]["value"] == 0.9375
    assert (counted["recall_with_human"]["low"], counted["recall_with_human"]["high"]) == (0.8619, 0.973)
    assert counted["recall_unanimous"]["value"] == 0.6875
    assert counted["review_load"]["value"] == pytest.approx(616 / 20_480, abs=1e-4)
    assert protocols.knows_only_the_source(80, 108)["precision"].value == pytest.approx(0.4255, abs=1e-3)


def test_the_load_is_that_of_the_documents_mixture() -> None:
    label = np.array([1] * 10 + [0] * 10 + [0] * 80)
    rff = np.arange(100) < 20
    flagged = rff | (np.arange(100) < 22)  # knows the source, and two of eighty others
    found = protocols.in_the_document(label, flagged, rff, np.arange(100))
    sent = 960 + 1081 + 202_599 * 2 / 80
    assert found["load"]["value"] == pytest.approx(sent / 204_640, abs=1e-4)
    assert found["precision"]["value"] == pytest.approx(960 / sent, abs=1e-4)
    for figure in found.values():
        assert figure["low"] < figure["value"] < figure["high"]
    missing = protocols.in_the_document(label, flagged, rff & (label == 1), np.arange(100))
    assert missing["load"] == {"missing": "needs fakes, reals from RFF and reals from elsewhere"}


def test_a_rate_of_zero_leaves_the_load_an_interval_and_no_call_is_named() -> None:
    label, rff = np.array([1] * 10 + [0] * 90), np.arange(100) < 20
    found = protocols.in_the_document(label, np.zeros(100, bool), rff, np.arange(100))
    assert found["load"]["value"] == found["load"]["low"] == 0
    assert found["load"]["high"] > 0.03
    assert found["precision"] == {"missing": "nothing was called fake"}
    told = protocols.documented(VoteTable((10, 0, 0), (90, 0, 0)), VoteTable((0, 10, 0), (90, 0, 0)))
    assert told["test_recall"] == {"missing": "every fake went to a person"}
    assert told["test_precision"] == {"missing": "no unanimous call"}
