"""The loop's numbers, and who reads them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.insights import loop
from kyc_review.insights.templatetags.insight_words import certified
from kyc_review.review import services
from kyc_review.review.audited import Audited
from tests.kyc_review.review.conftest import clear, enqueue, login  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db
SINCE = timezone.now() - timedelta(days=1)


def judge(reviewer: User, first: str, label: str) -> None:
    item = services.item_claim_next(reviewer=reviewer)
    assert item is not None
    services.first_call_record(item_id=item.pk, reviewer=reviewer, label=first)
    services.decision_record(item_id=item.pk, reviewer=reviewer, label=label)


@pytest.fixture
def worked(enqueue: Callable, alice: User) -> None:  # noqa: F811
    """Four faces that the models flag, three of them with a risk that says fake."""
    said = (("real", "fake"), ("fake", "real"), ("real", "real"), ("fake", "fake"))
    for (first, label), risk in zip(said, (0.9, 0.8, 0.7, 0.4), strict=True):
        enqueue(risk=risk)
        judge(alice, first, label)


@pytest.mark.usefixtures("worked")
def test_bias_counts_calls_that_were_changed_to_and_from_the_models(staff: Callable) -> None:
    bias = loop.automation_bias(viewer=staff("audrey", "auditor"), since=SINCE)
    assert (bias.apart, bias.followed, bias.together, bias.left) == (3, 1, 1, 1)


@pytest.mark.usefixtures("worked")
def test_labels_and_versions_are_counted(staff: Callable, clear: Callable, settings) -> None:  # noqa: F811
    settings.AUDIT_SHARE = 1.0
    clear()
    audrey = staff("audrey", "auditor")
    (week,) = loop.labels_by_week(viewer=audrey, since=SINCE)
    assert (week["real"], week["fake"], week["unclear"], week["audit"]) == (2, 2, 0, 0)
    newest, older = loop.versions(viewer=audrey, since=SINCE)
    assert (newest.version, newest.scored, newest.flagged) == ("b-1", 1, 0)
    assert newest.audited is not None
    assert newest.audited.waiting == 1
    assert (older.scored, older.flagged, older.split, older.rejected) == (4, 4, 4, 2)
    assert older.audited is None


@pytest.mark.usefixtures("worked")
def test_a_reviewer_learns_nothing(alice: User) -> None:
    assert loop.labels_by_week(viewer=alice, since=SINCE) == loop.versions(viewer=alice, since=SINCE) == []
    assert loop.automation_bias(viewer=alice, since=SINCE) == loop.Bias(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("judged", "fake", "words"),
    [
        (640, 0, "0 found in 640: at most 0.47 %"),
        (59, 0, "0 found in 59: at most 5.0 %"),
        (1_000_000, 0, "0 found in 1000000: at most 0.00030 %"),
        (3, 3, "3 found in 3: at most 100 %"),
        (0, 0, "None judged yet"),
    ],
)
def test_the_bound_is_said_in_words_and_never_rounded_down(judged: int, fake: int, words: str) -> None:
    assert certified(Audited("d", "v", judged, fake, judged, fake, 0, 0, None)) == words
