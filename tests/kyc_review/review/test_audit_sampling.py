"""The audit sample: drawn with its probability, blind, and without a word to anybody unless a fake is found."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from detection.voting import Vote as MemberVote
from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event
from kyc_review.lifecycle.cancel import submission_cancel
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review import audit_sampling
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record, decision_undo
from kyc_review.review.models import AuditDraw, Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.state_changes import StaleSubmission
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.models import Event as Sent
from tests.factories.checks import checks
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def listening(integration: Integration) -> None:
    Endpoint.objects.create(integration=integration, url="https://bank.example/", secret="sealed")


@pytest.fixture
def all_drawn(settings: LazySettings) -> None:
    settings.AUDIT_SHARE = 1.0


def judge(reviewer: User, label: str, **said: object) -> ReviewItem:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, **said)
    return item


def sent() -> list[str]:
    return list(Sent.objects.order_by("created_at", "pk").values_list("kind", flat=True))


@pytest.mark.usefixtures("all_drawn", "listening")
def test_an_audited_submission_is_cleared_and_told_at_once(clear: Callable[..., Submission]) -> None:
    row = clear()
    assert (row.state, row.result, row.result_reason) == ("completed", "clear", "models_agree")
    assert sent() == ["submission.cleared"]
    item = ReviewItem.objects.get()
    assert (item.reason, item.is_blind, item.submission_id) == ("audit", True, row.pk)


@pytest.mark.usefixtures("all_drawn", "listening")
def test_a_fake_found_by_the_audit_overturns_the_outcome(
    clear: Callable[..., Submission], alice: User
) -> None:
    row = clear()
    item = judge(alice, "fake")
    row.refresh_from_db()
    assert (row.state, row.result, row.result_reason) == ("completed", "rejected", "reviewer_found_forged")
    assert sent() == ["submission.cleared", "submission.overturned"]
    assert Event.objects.filter(action="submission.overturned", target_id=str(row.pk)).count() == 1
    settled = Event.objects.get(action="item.settled", target_id=str(item.pk))
    assert (settled.detail["label"], settled.detail["result"]) == ("fake", "rejected")


@pytest.mark.usefixtures("all_drawn", "listening")
@pytest.mark.parametrize(("label", "said"), [("real", {}), ("not_assessable", {"obstacle": "blurred"})])
def test_nothing_else_changes_anything_for_the_applicant(
    clear: Callable[..., Submission], alice: User, label: str, said: dict
) -> None:
    row = clear()
    judge(alice, label, **said)
    row.refresh_from_db()
    assert (row.result, row.result_reason) == ("clear", "models_agree")
    assert sent() == ["submission.cleared"]
    assert not ReviewItem.objects.exclude(state="decided").exists()


@pytest.mark.usefixtures("all_drawn")
def test_an_audits_fake_can_be_taken_back_within_its_seconds(
    clear: Callable[..., Submission], alice: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 10
    row = clear()
    item = judge(alice, "fake")
    row.refresh_from_db()
    assert row.result == "clear", "nothing is overturned while it can be taken back"
    decision_undo(item_id=item.pk, reviewer=alice)
    settings.UNDO_WINDOW_S = 0
    judge(alice, "real")
    row.refresh_from_db()
    assert row.result == "clear"
    assert Decision.objects.final().count() == 1


@pytest.mark.usefixtures("all_drawn")
def test_second_and_third_people_are_asked_before_an_audit_overturns(
    clear: Callable[..., Submission], alice: User, bob: User, staff: Callable, settings: LazySettings
) -> None:
    settings.SECOND_REVIEW_SHARE = 1.0
    row = clear()
    results = []
    for reviewer, label in ((alice, "fake"), (bob, "real"), (staff("carol", "reviewer"), "fake")):
        judge(reviewer, label)
        row.refresh_from_db()
        results.append(row.result)
    assert results == ["clear", "clear", "rejected"]
    assert list(ReviewItem.objects.order_by("pk").values_list("reason", flat=True)) == [
        "audit",
        "second_opinion",
        "adjudication",
    ]


@pytest.mark.usefixtures("all_drawn", "listening")
def test_a_correction_of_an_audit_overturns_and_restores(
    clear: Callable[..., Submission], alice: User
) -> None:
    row = clear()
    item = judge(alice, "real")
    for label, result in (("fake", "rejected"), ("real", "clear")):
        decision_correct(item_id=item.pk, corrector=alice, label=label)
        row.refresh_from_db()
        assert row.result == result
    assert sent() == ["submission.cleared", "submission.overturned", "submission.overturned"]


@pytest.mark.usefixtures("all_drawn", "listening")
@pytest.mark.parametrize("needs_two", [False, True])
def test_a_fake_corrected_to_not_assessable_asks_for_another_picture_and_clears_nothing(
    clear: Callable[..., Submission],
    alice: User,
    bob: User,
    staff: Callable,
    settings: LazySettings,
    needs_two: bool,
) -> None:
    settings.CORRECTIONS_NEED_TWO = needs_two
    row = clear()
    item = judge(alice, "fake")
    sue = staff("sue", "senior")
    decision_correct(item_id=item.pk, corrector=sue, label="not_assessable", obstacle="blurred")
    if needs_two:
        judge(bob, "not_assessable", obstacle="blurred")
    row.refresh_from_db()
    assert (row.result, row.result_reason) == ("resubmit", "blurred")
    assert sent() == ["submission.cleared", "submission.overturned", "submission.overturned"]


@pytest.mark.usefixtures("all_drawn")
def test_after_that_only_real_restores_the_outcome(clear: Callable[..., Submission], alice: User) -> None:
    row = clear()
    item = judge(alice, "fake")
    for obstacle in ("blurred", "too_dark"):
        decision_correct(item_id=item.pk, corrector=alice, label="not_assessable", obstacle=obstacle)
        row.refresh_from_db()
        assert (row.result, row.result_reason) == ("resubmit", obstacle)
    decision_correct(item_id=item.pk, corrector=alice, label="real")
    row.refresh_from_db()
    assert (row.result, row.result_reason) == ("clear", "reviewer_found_genuine")


def test_the_chance_of_being_drawn_is_kept_and_grows_with_the_risk(
    submit: Callable[..., Submission], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUDIT_SHARE, settings.AUDIT_RISK_SHARE = 0.1, 0.4
    rows = [(submit().pk, 0.0), (submit().pk, 0.25), (submit().pk, 0.5)]

    class Dice:
        faces = iter([0.05, 0.5, 0.19, 0.5, 0.39])  # uniform; not uniform but narrow, twice

        def random(self) -> float:
            return next(self.faces)

    monkeypatch.setattr(audit_sampling, "_dice", Dice())
    assert audit_sampling.audits_drawn(rows) == rows
    kept = [AuditDraw.objects.get(submission=pk) for pk, _ in rows]
    assert [round(row.probability, 6) for row in kept] == [0.1, 0.28, 0.46]
    assert [row.is_uniform for row in kept] == [True, False, False]
    assert {row.uniform_share for row in kept} == {0.1}


def test_as_many_are_drawn_as_the_shares_say(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_SHARE, settings.AUDIT_RISK_SHARE = 0.05, 0.1
    made: list = []
    monkeypatch.setattr(AuditDraw.objects, "bulk_create", made.extend)
    chosen = audit_sampling.audits_drawn((None, 0.25) for _ in range(20_000))  # type: ignore[misc]
    expected = 20_000 * (0.05 + 0.05 - 0.0025)
    assert abs(len(chosen) - expected) < 5 * expected**0.5
    assert abs(sum(row.is_uniform for row in made) - 1000) < 160


def test_without_a_share_nobody_is_drawn(clear: Callable[..., Submission]) -> None:
    clear()
    assert not AuditDraw.objects.exists()
    assert not ReviewItem.objects.exists()


@pytest.mark.usefixtures("all_drawn")
def test_flagged_and_sandbox_submissions_are_never_drawn(submit: Callable[..., Submission]) -> None:
    submit(is_test=True)
    row = submit()
    lease_batch(holder="one", limit=5)
    votes = tuple(MemberVote(f"member-{i}", 0.9, 0.5) for i in range(5))
    scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
    verdicts_record(holder="one", bundle_version="b-1", bundle_digest="d" * 64, scored=scored)
    assert not AuditDraw.objects.exists()


@pytest.mark.usefixtures("all_drawn")
def test_a_repeated_verdict_draws_nobody_twice(clear: Callable[..., Submission]) -> None:
    row = clear()
    votes = tuple(MemberVote(f"member-{i}", 0.1, 0.5) for i in range(5))
    again = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
    assert verdicts_record(holder="one", bundle_version="b-1", bundle_digest="d" * 64, scored=again) == 0
    assert AuditDraw.objects.count() == ReviewItem.objects.count() == 1


@pytest.mark.usefixtures("all_drawn")
def test_the_onboarding_system_cannot_cancel_what_is_audited(
    clear: Callable[..., Submission], integration: Integration
) -> None:
    row = clear()
    with pytest.raises(StaleSubmission):
        submission_cancel(submission=row, actor=integration)
    assert ReviewItem.objects.filter(reason="audit", state="open").exists()


@pytest.mark.parametrize("uniform", [0.01, 0.3, 0.7, 1.0])
def test_no_rounding_makes_a_stored_chance_smaller_than_its_uniform_part(
    submit: Callable[..., Submission], settings: LazySettings, uniform: float
) -> None:
    settings.AUDIT_SHARE, settings.AUDIT_RISK_SHARE = uniform, 1.0
    row = submit()
    for number in range(200):
        audit_sampling.audits_drawn([(row.pk, number / 400)])
        for draw in AuditDraw.objects.all():
            assert draw.uniform_share <= draw.probability <= 1.0
        AuditDraw.objects.all().delete()
