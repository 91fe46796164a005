"""An auxiliary model can give to a person what all five votes find genuine. It can do nothing else.

The bundle calls everything real, so nothing but the auxiliary model stands between a picture and its clearance.
"""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from django.conf import LazySettings

from detection.auxiliary_alarm import AuxiliaryAlarm
from detection.forensics.compression_cells import CELLS, VALUES
from detection.networks.compression_cells import CompressionCells
from detection.networks.pooled_lite0 import PooledLite0
from detection.voting import Vote as MemberVote
from kyc_review.audit.models import Event
from kyc_review.pipeline import auxiliary_models, worker
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.scoring.selectors import needs_person
from kyc_review.submissions.models import Result, State, Submission
from tests.factories.auxiliary_models import written
from tests.factories.bundles import tiny_bundle
from tests.factories.checks import checks
from tests.factories.portraits import portrait, portrait_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the bank's auxiliary models; none that ships takes part."""
    settings.SCORING_DEVICE = "cpu"
    settings.AUXILIARY_MODELS_DIR = tmp_path / "auxiliary"
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr(auxiliary_models, "shipped_auxiliary_models", list)
    tiny_bundle(tmp_path / "tiny", threshold=0.9999)
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED))
    auxiliary_models.loaded.cache_clear()
    yield settings.AUXILIARY_MODELS_DIR
    auxiliary_models.loaded.cache_clear()


def add(folder: Path, review_above: float | None) -> None:
    torch.manual_seed(0)
    network = PooledLite0()
    torch.nn.init.zeros_(network.judge.weight)
    torch.nn.init.zeros_(network.judge.bias)  # so that every picture scores 0.5
    written(
        folder / "generated",
        name="generated",
        network=network,
        architecture="pooled_lite0",
        arguments={},
        view="face",
        side=64,
        review_above=review_above,
    )


def add_reader_of_compression(folder: Path, review_above: float) -> None:
    network = CompressionCells(VALUES, 4)
    for parameter in network.judge.parameters():
        torch.nn.init.zeros_(parameter)  # so that every picture of which it can say something scores 0.5
    written(
        folder / "history",
        name="history",
        network=network,
        architecture="compression_cells",
        arguments={"values": VALUES, "width": 4},
        view="compression",
        side=CELLS,
        review_above=review_above,
    )


def outcome(submit: Callable[..., Submission], image: bytes | None = None) -> Submission:
    row = submit(image=image or portrait_bytes(0))
    worker.run_until_idle()
    row.refresh_from_db()
    return row


def test_a_score_at_the_threshold_gives_a_cleared_picture_to_a_person(
    submit: Callable[..., Submission], models: Path
) -> None:
    add(models, 0.5)
    row = outcome(submit)
    item = ReviewItem.objects.get()
    assert (row.state, item.reason) == (State.IN_REVIEW, ReviewItem.Reason.AUXILIARY_MODEL)
    scoring = Scoring.objects.get()
    assert (scoring.verdict, scoring.auxiliary_model) == ("clear", "generated")
    assert Vote.objects.filter(is_fake=True).count() == 0
    assert Vote.objects.count() == 5
    detail = Event.objects.get(action="submission.scored").detail
    assert detail["auxiliary_model"] == {"name": "generated", "score": 0.5}
    assert Scoring.objects.filter(needs_person()).exists()


def test_a_reader_of_the_compression_asks_for_a_person_about_a_jpeg_at_its_own_size(
    submit: Callable[..., Submission], models: Path
) -> None:
    add_reader_of_compression(models, 0.5)
    assert outcome(submit).state == State.IN_REVIEW
    assert Scoring.objects.get().auxiliary_model == "history"


def test_a_reader_of_the_compression_has_nothing_to_say_of_another_format(
    submit: Callable[..., Submission], models: Path
) -> None:
    add_reader_of_compression(models, 0.0001)
    coded = io.BytesIO()
    portrait(0).save(coded, "PNG")
    assert outcome(submit, coded.getvalue()).result == Result.CLEAR


@pytest.mark.parametrize("review_above", [0.51, None])
def test_below_its_threshold_or_without_one_it_changes_nothing(
    submit: Callable[..., Submission], models: Path, review_above: float | None
) -> None:
    add(models, review_above)
    assert outcome(submit).result == Result.CLEAR
    assert not Scoring.objects.filter(needs_person()).exists()


def test_the_setting_switches_it_off(
    submit: Callable[..., Submission], models: Path, settings: LazySettings
) -> None:
    add(models, 0.5)
    settings.AUXILIARY_REVIEW = False
    assert outcome(submit).result == Result.CLEAR


def test_a_model_that_breaks_clears_nothing(submit: Callable[..., Submission], models: Path) -> None:
    add(models, 0.5)
    (model,) = auxiliary_models.loaded()
    network: Any = model.network
    network.judge.weight.fill_(float("nan"))
    row = outcome(submit)
    assert row.result == ""
    assert "which is no probability" in row.last_error
    assert not Scoring.objects.exists()


def test_a_model_that_cannot_be_loaded_asks_for_nothing(
    submit: Callable[..., Submission], models: Path
) -> None:
    add(models, 0.5)
    file = models / "generated" / "auxiliary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": "later"}))
    assert outcome(submit).result == Result.CLEAR


def test_it_never_makes_a_verdict_milder(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    votes = tuple(MemberVote(member=f"m{n}", probability=0.9, threshold=0.5) for n in range(5))
    alarm = AuxiliaryAlarm("generated", 0.1, 0.05)
    scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks(), alarm=alarm)}
    verdicts_record(holder="one", bundle_version="b", bundle_digest="d" * 64, scored=scored)
    assert ReviewItem.objects.get().reason == ReviewItem.Reason.UNANIMOUS_FAKE
