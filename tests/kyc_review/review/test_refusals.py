"""Wrong refusals are measured: a sample of what checks sent back is looked at blind."""

from collections.abc import Callable
from datetime import UTC

import pytest
from django.conf import LazySettings
from django.test import Client

from detection.checks import CheckCode, CheckName
from kyc_review.accounts.models import User
from kyc_review.core.db.clock import database_now
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.records.columns import Period
from kyc_review.records.tables import TABLES
from kyc_review.review import audit_sampling
from kyc_review.review.audit_results import audits_by_bundle
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import AuditDraw, ReviewItem
from kyc_review.review.refusals import refusals_sampled
from kyc_review.submissions.models import Result, State, Submission
from tests.factories.checks import failing
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    """refused() is a selfie that a check sent back."""

    def make(
        name: CheckName = CheckName.SHARPNESS, code: CheckCode = CheckCode.BLURRED, **fields: object
    ) -> Submission:
        row = submit(**fields)
        lease_batch(holder="w", limit=1)
        scored = {row.pk: Scored(votes=(), elapsed_ms=1.0, checks=failing(name, code))}
        verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored=scored)
        row.refresh_from_db()
        return row

    return make


def judge(reviewer: User, label: str, **said: str) -> ReviewItem:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, **said)
    return item


def test_none_is_drawn_where_nothing_is_sampled(refused: Callable[..., Submission]) -> None:
    refused()
    assert not AuditDraw.objects.exists()
    assert not ReviewItem.objects.exists()


def test_a_draw_keeps_its_chance_and_waits_blind_among_the_others(
    refused: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = refused()
    draw = AuditDraw.objects.get()
    assert (draw.submission, draw.outcome, draw.probability, draw.is_uniform) == (row, "resubmit", 1.0, True)
    item = ReviewItem.objects.get()
    assert (item.reason, item.is_blind) == (ReviewItem.Reason.AUDIT, True)
    assert item.queue_reason != ""
    assert (row.state, row.result) == (State.COMPLETED, Result.RESUBMIT)


@pytest.mark.parametrize(
    ("label", "said", "wrong"),
    [("real", {}, 1), ("fake", {}, 1), ("not_assessable", {"obstacle": "blurred"}, 0)],
)
def test_what_a_person_finds_is_counted_and_changes_no_outcome(
    refused: Callable[..., Submission],
    settings: LazySettings,
    alice: User,
    staff: Callable[..., User],
    label: str,
    said: dict[str, str],
    wrong: int,
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = refused()
    item = judge(alice, label, **said)
    row.refresh_from_db()
    assert (row.state, row.result, row.result_reason) == (State.COMPLETED, Result.RESUBMIT, "blurred")
    found = refusals_sampled(viewer=staff("audrey", "auditor"))
    assert found is not None
    assert (found.everything.judged, found.everything.wrong, found.everything.waiting) == (1, wrong, 0)
    other = "fake" if label == "real" else "real"
    decision_correct(item_id=item.pk, corrector=alice, label=other)
    row.refresh_from_db()
    assert row.result == Result.RESUBMIT
    today = database_now().astimezone(UTC).date()
    [exported] = TABLES["outcomes"].rows(Period(today, today))
    told = dict(zip((column.name for column in TABLES["outcomes"].columns), exported, strict=True))
    assert told["decided_by"] == "checks"
    assert told["decisions"], "people judged it since"
    again = refusals_sampled(viewer=staff("rita", "auditor"))
    assert again is not None
    assert again.everything.wrong == 1


def test_they_are_counted_by_reason_and_by_group_and_not_among_the_cleared(
    refused: Callable[..., Submission],
    settings: LazySettings,
    alice: User,
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    settings.AUDIT_SHARE, settings.COMPARISON_GROUP_FIELD = 1.0, "age_band"
    refused(metadata={"age_band": "60+"})
    judge(alice, "real")
    refused(CheckName.EXPOSURE, CheckCode.TOO_DARK, metadata={"age_band": "18-30"})
    judge(alice, "not_assessable", obstacle="too_dark")
    refused(metadata={})
    auditor = staff("audrey", "auditor")
    found = refusals_sampled(viewer=auditor)
    assert found is not None
    assert [(row.group, row.judged, row.wrong) for row in found.by_group] == [("18-30", 1, 0), ("60+", 1, 1)]
    assert {row.group: (row.judged, row.wrong, row.waiting) for row in found.by_reason} == {
        "The face is blurred": (1, 1, 1),
        "The face is dark": (1, 0, 0),
    }
    assert (found.everything.rate, found.everything.judged) == (0.5, 2)
    low, high = found.everything.interval  # Clopper and Pearson for 1 of 2
    assert (low, high) == pytest.approx((1 - 0.975**0.5, 0.975**0.5), abs=1e-6)
    assert audits_by_bundle(viewer=auditor) == []
    text = login(auditor).get("/review/quality/").content.decode()
    assert 'data-testid="refusals"' in text
    assert "age_band: 60+" in text


class AlwaysDrawn:
    """Dice that draw everything, however small the share."""

    @staticmethod
    def random() -> float:
        return 0.0


def test_a_picture_drawn_with_a_small_chance_stands_for_many(
    refused: Callable[..., Submission],
    settings: LazySettings,
    alice: User,
    staff: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
    login: Callable[[User], Client],
) -> None:
    monkeypatch.setattr(audit_sampling, "_dice", AlwaysDrawn())
    settings.COMPARISON_GROUP_FIELD = "age_band"
    settings.AUDIT_SHARE = 0.05  # one such picture stands for twenty
    refused(metadata={"age_band": "60+"})
    judge(alice, "real")
    settings.AUDIT_SHARE = 1.0  # raised; these stand for themselves
    for _ in range(4):
        refused(metadata={"age_band": "60+"})
        judge(alice, "not_assessable", obstacle="blurred")
    refused(CheckName.EXPOSURE, CheckCode.TOO_DARK, metadata={"age_band": "18-30"})
    judge(alice, "not_assessable", obstacle="too_dark")
    auditor = staff("audrey", "auditor")
    found = refusals_sampled(viewer=auditor)
    assert found is not None
    assert (found.everything.judged, found.everything.wrong) == (6, 1)
    assert found.everything.rate == pytest.approx(20 / 25)
    assert [(row.group, row.rate) for row in found.by_group] == [
        ("18-30", 0.0),
        ("60+", pytest.approx(20 / 24)),
    ]
    assert {row.group: row.rate for row in found.by_reason} == {
        "The face is blurred": pytest.approx(20 / 24),
        "The face is dark": 0.0,
    }
    low, high = found.everything.interval
    assert low < 0.15  # one heavy picture proves little
    assert high > 0.95
    assert "80.0 %" in login(auditor).get("/review/quality/").content.decode()


def test_a_group_of_which_none_was_judged_has_no_rate(
    refused: Callable[..., Submission], settings: LazySettings, staff: Callable[..., User]
) -> None:
    settings.AUDIT_SHARE = 1.0
    refused()
    found = refusals_sampled(viewer=staff("audrey", "auditor"))
    assert found is not None
    assert (found.everything.rate, found.everything.interval) == (None, (0.0, 1.0))
    assert found.everything.waiting == 1


def test_reviewers_do_not_learn_what_was_sent_back(
    refused: Callable[..., Submission], settings: LazySettings, alice: User, login: Callable[[User], Client]
) -> None:
    settings.AUDIT_SHARE = 1.0
    refused()
    assert refusals_sampled(viewer=alice) is None
    client: Client = login(alice)
    assert 'data-testid="refusals"' not in client.get("/review/quality/").content.decode()
