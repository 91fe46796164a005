from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.utils import timezone

from detection.checks import CheckCode, CheckName
from detection.voting import Vote
from kyc_review.accounts.models import Integration, User
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.pipeline.unscorable import unscorable_route
from kyc_review.review.decisions import decision_record, decision_undo, decisions_settle, first_call_record
from kyc_review.submissions.check_policy import policy_read
from kyc_review.submissions.events import events_record
from kyc_review.submissions.models import Submission
from kyc_review.submissions.state_changes import submission_complete, submission_overturn
from kyc_review.webhooks.models import Delivery, Endpoint, Event, Kind
from tests.factories.checks import checks, failing
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


def votes(*probabilities: float) -> tuple[Vote, ...]:
    return tuple(Vote(f"m{i}", p, 0.5) for i, p in enumerate(probabilities))


@pytest.fixture
def scored(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    def make(*probabilities: float, checks: tuple = checks()) -> Submission:
        row = submit()
        lease_batch(holder="w", limit=1)
        verdicts_record(
            holder="w",
            bundle_version="1",
            bundle_digest="d" * 64,
            scored={row.pk: Scored(votes(*probabilities), 1.0, checks=checks)},
        )
        return row

    return make


def told() -> list[tuple[str, str, str | None]]:
    return [
        (event.kind, event.payload["data"]["status"], event.payload["data"]["result"])
        for event in Event.objects.order_by("created_at")
    ]


def test_clearing_and_queueing_are_told(
    endpoint: tuple[Endpoint, str], scored: Callable[..., Submission]
) -> None:
    scored(0.1, 0.1, 0.1, 0.1, 0.1)
    scored(0.9, 0.1, 0.9, 0.1, 0.9)
    assert told() == [
        ("submission.cleared", "completed", "clear"),
        ("submission.queued", "in_review", None),
    ]


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        (CheckName.FACE_FOUND, CheckCode.NO_FACE, "submission.resubmit_requested"),
        (CheckName.POSE, CheckCode.NOT_UPRIGHT, "submission.queued"),
    ],
)
def test_a_check_that_had_a_consequence_is_told(
    endpoint: tuple[Endpoint, str],
    scored: Callable[..., Submission],
    name: CheckName,
    code: CheckCode,
    kind: str,
) -> None:
    scored(0.1, 0.1, 0.1, 0.1, 0.1, checks=failing(name, code))
    event = Event.objects.get()
    assert (event.kind, event.payload["data"]["checks"]) == (kind, [code.value])


def test_each_selfie_of_a_batch_is_told_with_its_own_checks(
    endpoint: tuple[Endpoint, str], submit: Callable[..., Submission]
) -> None:
    passed, tilted = submit(), submit()
    lease_batch(holder="w", limit=2)
    real = votes(0.1, 0.1, 0.1, 0.1, 0.1)
    scored = {
        passed.pk: Scored(real, 1.0, checks=checks()),
        tilted.pk: Scored(real, 1.0, checks=failing(CheckName.POSE, CheckCode.NOT_UPRIGHT)),
    }
    verdicts_record(holder="w", bundle_version="1", bundle_digest="d" * 64, scored=scored)
    found = {event.submission_id: event.payload["data"]["checks"] for event in Event.objects.all()}
    assert found == {passed.pk: [], tilted.pk: ["not_upright"]}


def test_the_policy_may_ignore_a_check_and_it_is_not_told(
    endpoint: tuple[Endpoint, str], scored: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.CHECK_POLICY = policy_read(["pose:fail=ignore"])
    scored(0.9, 0.9, 0.9, 0.9, 0.9, checks=failing(CheckName.POSE, CheckCode.NOT_UPRIGHT))
    assert Event.objects.get().payload["data"]["checks"] == []


def test_the_sandbox_tells_the_checks_that_it_pretends(
    endpoint: tuple[Endpoint, str], submit: Callable[..., Submission], integration: Integration
) -> None:
    Endpoint.objects.update(is_test=True)
    row = submit(is_test=True, external_ref="sandbox-no-face")
    Submission.objects.filter(pk=row.pk).update(
        state="completed", result="resubmit", result_reason="no_face", completed_at=timezone.now()
    )
    events_record(submission_ids=[row.pk], kind=Kind.RESUBMIT_REQUESTED)
    assert Event.objects.get().payload["data"]["checks"] == ["no_face"]


def test_what_cannot_be_scored_is_told_as_queued(
    endpoint: tuple[Endpoint, str], submit: Callable[..., Submission], settings: LazySettings
) -> None:
    submit()
    settings.SCORING_ATTEMPTS_MAX = 0
    unscorable_route()
    assert told() == [("submission.queued", "in_review", None)]


def test_completion_correction_and_a_wish_for_another_selfie_are_told(
    endpoint: tuple[Endpoint, str], scored: Callable[..., Submission]
) -> None:
    first, second = scored(0.9, 0.1, 0.9, 0.1, 0.9), scored(0.9, 0.1, 0.9, 0.1, 0.9)
    Event.objects.all().delete()
    submission_complete(submission_id=first.pk, result="rejected")
    submission_overturn(submission_id=first.pk, result="clear")
    submission_complete(submission_id=second.pk, result="resubmit", reason="too_dark")
    assert told() == [
        ("submission.completed", "completed", "rejected"),
        ("submission.overturned", "completed", "clear"),
        ("submission.resubmit_requested", "completed", "resubmit"),
    ]


def test_without_endpoints_an_event_is_written_and_no_delivery(scored: Callable[..., Submission]) -> None:
    scored(0.1, 0.1, 0.1, 0.1, 0.1)
    assert [kind for kind, _, _ in told()] == ["submission.cleared"]
    assert not Delivery.objects.exists()


def test_a_decision_taken_back_is_never_told(
    endpoint: tuple[Endpoint, str], scored: Callable[..., Submission], alice: User, settings: LazySettings
) -> None:
    scored(0.9, 0.1, 0.9, 0.1, 0.9)
    Event.objects.all().delete()
    settings.UNDO_WINDOW_S = 10
    item = item_claim_next(reviewer=alice)
    assert item is not None
    first_call_record(item_id=item.pk, reviewer=alice, label="fake")
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    assert told() == []
    decision_undo(item_id=item.pk, reviewer=alice)
    decisions_settle()
    assert told() == []
