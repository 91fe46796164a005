"""What became known months later, against the models and the people; and who may see it."""

from collections.abc import Callable
from typing import Any

import pytest

from estimation.intervals import Rate
from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.late_outcomes import late_by_bundle
from kyc_review.review.models import ReviewItem
from kyc_review.review.quality import qualities
from kyc_review.submissions.models import LateOutcome, Submission
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
FRAUD, GENUINE = "confirmed_fraud", "confirmed_genuine"


def reported(submission: Submission, *findings: str) -> None:
    for finding in findings:
        LateOutcome.objects.create(submission=submission, finding=finding, reported_by="kyc_live_0")


@pytest.fixture
def audrey(staff: Callable[..., User]) -> User:
    return staff("audrey", "auditor")


@pytest.fixture
def history(clear: Callable[..., Submission], enqueue: Callable[..., ReviewItem]) -> None:
    for findings in ((FRAUD,), (GENUINE, FRAUD), (FRAUD, GENUINE), ()):
        reported(clear(), *findings)
    reported(enqueue().submission, GENUINE)  # scored by another bundle
    sandbox = clear()
    reported(sandbox, FRAUD)
    Submission.objects.filter(pk=sandbox.pk).update(is_test=True)


@pytest.mark.usefixtures("history")
def test_the_latest_report_counts_per_bundle_and_the_sandbox_does_not(audrey: User) -> None:
    found = {row.version: (row.cleared, row.flagged) for row in late_by_bundle(viewer=audrey)}
    assert found == {"b-1": (Rate(2, 3), Rate(0, 0)), "baseline-1": (Rate(0, 0), Rate(0, 1))}


@pytest.mark.usefixtures("history")
def test_people_who_only_review_do_not_see_it(alice: User) -> None:
    assert late_by_bundle(viewer=alice) == []


def test_decisions_are_held_against_what_became_known(
    enqueue: Callable[..., ReviewItem], alice: User, bob: User
) -> None:
    for label, findings in (
        ("fake", (GENUINE, FRAUD)),
        ("real", (FRAUD,)),
        ("not_assessable", (FRAUD,)),
        ("real", ()),
    ):
        item = enqueue()
        said: dict[str, Any] = {"obstacle": "blurred"} if label == "not_assessable" else {}
        assert item_claim_next(reviewer=alice) == item
        decision_record(item_id=item.pk, reviewer=alice, label=label, **said)
        reported(item.submission, *findings)
    (own,) = qualities(viewer=alice)
    assert own.late == Rate(1, 2)
    (others,) = qualities(viewer=bob)
    assert others.late == Rate(0, 0)


@pytest.mark.usefixtures("history")
def test_the_loop_shows_shares_with_their_range(login: Callable, audrey: User) -> None:
    page = login(audrey).get("/insights/loop/").content.decode()
    assert "2 of 3: 66.7 % (20.8 to 93.9 %)" in page
