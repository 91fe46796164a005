"""What the audit of a bundle's cleared submissions says, and who may see it."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.registry.models import Bundle
from kyc_review.review.audit_results import audits_by_bundle
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import AuditDraw
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def audrey(staff: Callable[..., User]) -> User:
    return staff("audrey", "auditor")


@pytest.fixture
def judged(clear: Callable[..., Submission], alice: User, settings: LazySettings) -> list[Submission]:
    """Five drawn: real, fake, not assessable, real but drawn as a narrow one, and one that waits."""
    settings.AUDIT_SHARE = 1.0
    rows = []
    for label in ("real", "fake", "not_assessable", "real", None):
        rows.append(clear())
        if label:
            item = item_claim_next(reviewer=alice)
            assert item is not None
            said = {"obstacle": "blurred"} if label == "not_assessable" else {}
            decision_record(item_id=item.pk, reviewer=alice, label=label, **said)
    AuditDraw.objects.update(probability=0.5, uniform_share=0.5)
    AuditDraw.objects.filter(submission=rows[3]).update(is_uniform=False, probability=0.75)
    return rows


def test_the_random_part_alone_carries_the_bound(judged: list[Submission], audrey: User) -> None:
    (found,) = audits_by_bundle(viewer=audrey)
    assert (found.judged, found.fake) == (2, 1)
    assert (found.all_judged, found.all_fake, found.not_assessable, found.waiting) == (3, 1, 1, 1)
    assert found.bound == pytest.approx(0.9747, abs=1e-4)  # 1 - sqrt(1 - 0.95)
    assert found.estimate == pytest.approx(2 / (2 + 2 + 4 / 3))


def test_a_second_review_that_is_still_open_counts_as_waiting(
    clear: Callable[..., Submission], alice: User, audrey: User, settings: LazySettings
) -> None:
    settings.AUDIT_SHARE = settings.SECOND_REVIEW_SHARE = 1.0
    clear()
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    (found,) = audits_by_bundle(viewer=audrey)
    assert (found.judged, found.waiting, found.bound, found.estimate) == (0, 1, 1.0, None)


@pytest.mark.usefixtures("judged")
def test_reviewers_do_not_learn_what_was_cleared(alice: User) -> None:
    assert audits_by_bundle(viewer=alice) == []


def test_pages_say_it_in_words(judged: list[Submission], audrey: User, login: Callable) -> None:
    page = login(audrey).get("/insights/loop/").content.decode()
    assert "1 found in 2: at most 98 %" in page
    assert "No audits yet" not in page


def test_the_page_of_retraining_says_it_of_the_champion(
    judged: list[Submission], audrey: User, login: Callable[[User], Client]
) -> None:
    from kyc_review.registry.bundles import baseline_install
    from kyc_review.scoring.models import Scoring

    page = login(audrey).get("/retraining/").content.decode()
    assert "found in" not in page
    Scoring.objects.update(bundle_digest=baseline_install().digest)
    page = login(audrey).get("/retraining/").content.decode()
    assert "1 found in 2: at most 98 %" in page


def test_the_champions_card_says_nothing_of_fakes_before_the_first_audit_is_judged(
    serving: Bundle,
    clear: Callable[..., Submission],
    alice: User,
    audrey: User,
    login: Callable,
    settings: LazySettings,
) -> None:
    settings.AUDIT_SHARE = 1.0
    clear(), clear()
    Scoring.objects.update(bundle_digest=serving.digest)

    def card() -> str:
        return " ".join(login(audrey).get("/retraining/").content.decode().split())

    before = card()
    assert "is judged yet</strong>, so nothing can be said about the share of fakes. 2 wait." in before
    assert "95 % confidence" not in before
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert "0 found in 1: at most 95 %</strong> is fake (95 % confidence). 1 waits." in card()
