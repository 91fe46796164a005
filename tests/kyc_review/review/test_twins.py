"""A rejection reopens its cleared twins once, whatever the order of events, and what follows is told."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.db.models.functions import Now

from detection.forensics.phash import Fingerprint as Hashes
from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.evidence.near_duplicates import twins_find_and_record
from kyc_review.evidence.services import fingerprints_record
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review import twins
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem, TwinSearch
from kyc_review.review.opening import items_open
from kyc_review.review.twins import twins_sweep
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Event
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Clear = Callable[..., Submission]
PRINT, OTHER = Hashes(coarse=0x0F0F, fine=0xFFFF), Hashes(coarse=0xF0F0_F0F0_F0F0, fine=1 << 200)


@pytest.fixture(autouse=True)
def one_person_corrects(settings: LazySettings) -> None:
    settings.CORRECTIONS_NEED_TWO = False


@pytest.fixture(autouse=True)
def listening(integration: Integration) -> None:
    Endpoint.objects.create(integration=integration, url="https://bank.example/hook", secret="x")


@pytest.fixture
def twin(enqueue: Enqueue, clear: Clear) -> Callable[..., Submission]:
    """twin("models") is cleared by the models, twin("item") waits for a person; all have one picture."""

    def make(how: str = "models", print_: Hashes = PRINT, **fields: object) -> Submission:
        row = clear(**fields) if how == "models" else enqueue(risk=0.5, **fields).submission
        Fingerprint.objects.filter(pk=row.pk).delete()
        fingerprints_record({row.pk: print_})
        TwinSearch.objects.filter(pk=row.pk).delete()  # of the fingerprint before
        return row

    return make


def decide(reviewer: User, label: str, **said: object) -> ReviewItem:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    obstacle = {"obstacle": "blurred"} if label == "not_assessable" else {}
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, **obstacle, **said)
    return ReviewItem.objects.get(pk=item.pk)


def reopened() -> list[ReviewItem]:
    return list(ReviewItem.objects.filter(reason=ReviewItem.Reason.TWIN_REJECTED).order_by("pk"))


def result_of(row: Submission) -> str:
    return Submission.objects.get(pk=row.pk).result


def told(row: Submission) -> list[str]:
    return list(Event.objects.filter(submission=row).order_by("created_at").values_list("kind", flat=True))


@pytest.mark.parametrize("order", ["cleared first", "rejected is older"])
def test_a_rejection_opens_its_cleared_twin_blind_for_somebody_else(
    twin: Callable[..., Submission], alice: User, bob: User, order: str
) -> None:
    if order == "cleared first":
        cleared, suspect = twin("models"), twin("item")
    else:
        suspect, cleared = twin("item"), twin("models")
    unlike = twin("models", OTHER)
    decide(alice, "fake")
    assert (result_of(suspect), reopened()) == ("rejected", [])
    assert twins_sweep() == 1
    (item,) = reopened()
    assert (item.submission_id, item.state, item.is_blind) == (cleared.pk, "open", True)
    assert result_of(cleared) == "clear", "it stands until a person says otherwise"
    assert Evidence.objects.filter(submission=cleared).exists(), "asked for, so that people see it"
    assert Likeness.objects.count() == 1
    opened = AuditEvent.objects.get(action="item.opened", target_id=str(item.pk))
    assert opened.detail | {"reason": "twin_rejected", "rejected_twin": str(suspect.pk)} == opened.detail
    assert result_of(unlike) == "clear"
    assert (twins_sweep(), len(reopened())) == (0, 1)


@pytest.mark.parametrize(
    ("label", "result", "events"),
    [
        ("fake", "rejected", ["submission.cleared", "submission.overturned"]),
        ("not_assessable", "resubmit", ["submission.cleared", "submission.overturned"]),
        ("real", "clear", ["submission.cleared"]),
    ],
)
def test_the_adjudication_replaces_the_result_and_the_integration_hears_of_a_change(
    twin: Callable[..., Submission], alice: User, bob: User, label: str, result: str, events: list[str]
) -> None:
    cleared = twin("models")
    twin("item")
    decide(alice, "fake")
    twins_sweep()
    assert decide(bob, label).reason == "twin_rejected"
    row = Submission.objects.get(pk=cleared.pk)
    assert (row.result, told(row)) == (result, events)
    last = Event.objects.filter(submission=row).latest("created_at").payload["data"]
    expected = {"rejected": "reviewer_found_forged", "resubmit": "blurred", "clear": "models_agree"}
    assert (last["result"], last["reason"]) == (result, expected[result])
    assert not ReviewItem.objects.exclude(state="decided").exists()


@pytest.mark.parametrize(("voted", "expected"), [(0.0, 0.0), (0.25, 0.25), (None, 1.0)])
def test_a_reopened_twin_keeps_the_risk_of_its_votes_even_where_it_is_zero(
    twin: Callable[..., Submission], alice: User, voted: float | None, expected: float
) -> None:
    cleared = twin("models")
    if voted is None:
        Vote.objects.filter(scoring__submission=cleared).delete()
        Scoring.objects.filter(submission=cleared).delete()
    else:
        Scoring.objects.filter(submission=cleared).update(risk=voted)
    twin("item")
    decide(alice, "fake")
    twins_sweep()
    (item,) = reopened()
    assert item.risk == expected


def test_verdicts_that_go_on_contradicting_each_other_end(
    twin: Callable[..., Submission], staff: Callable[..., User], alice: User
) -> None:
    twin("models"), twin("models"), twin("item")
    people = [staff(f"person-{number}", "reviewer") for number in range(8)]
    decide(alice, "fake")
    for number in range(12):
        twins_sweep()
        if not ReviewItem.objects.filter(state="open").exists():
            break
        decide(people[number % 8], ("real", "fake")[number % 2])
    twins_sweep()
    assert len(reopened()) == 2, "each once"
    assert not ReviewItem.objects.exclude(state="decided").exists()
    assert not TwinSearch.objects.exists()


def test_what_a_person_clears_after_its_twin_was_rejected_is_looked_at_by_another(
    twin: Callable[..., Submission], alice: User, bob: User
) -> None:
    twin("item"), twin("item")
    decide(alice, "fake")
    twins_sweep()
    assert reopened() == [], "nothing is cleared yet"
    second = decide(bob, "real")
    twins_sweep()
    (item,) = reopened()
    assert item.submission_id == second.submission_id
    assert item_claim_next(reviewer=bob) is None, "not by the one who cleared it"


@pytest.mark.django_db(transaction=True)
def test_of_two_that_are_decided_at_the_same_moment_the_cleared_one_is_reopened(
    twin: Callable[..., Submission], alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin("item"), twin("item")
    items = [item_claim_next(reviewer=person) for person in (alice, bob)]
    barrier = Barrier(2)

    def decided(number: int) -> None:
        try:
            item = items[number]
            assert item is not None
            with transaction.atomic():
                decision_record(
                    item_id=item.pk, reviewer=(alice, bob)[number], label=("fake", "real")[number]
                )
                barrier.wait(20)  # both are decided, and neither is committed
        finally:
            connection.close()

    def found_slowly(**arguments: Any) -> list[Submission]:
        found = twins_find_and_record(**arguments)
        time.sleep(0.3)  # both sweeps are about to reopen, if they can be
        return found

    monkeypatch.setattr(twins, "twins_find_and_record", found_slowly)

    def swept(_: int) -> int:
        try:
            return twins_sweep()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(decided, range(2)))
        assert sum(pool.map(swept, range(2))) == 2
    (item,) = reopened()
    assert items[1] is not None
    assert item.submission_id == items[1].submission_id


def test_a_correction_to_fake_reopens_the_twins_and_one_to_real_is_looked_at(
    twin: Callable[..., Submission], alice: User, bob: User, staff: Callable[..., User]
) -> None:
    cleared, suspect = twin("models"), twin("item")
    item = decide(alice, "real")
    twins_sweep()
    assert reopened() == []
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    twins_sweep()
    assert [one.submission_id for one in reopened()] == [cleared.pk]
    assert decide(bob, "fake").submission_id == cleared.pk
    decision_correct(item_id=item.pk, corrector=alice, label="real")
    twins_sweep()
    assert [one.submission_id for one in reopened()] == [cleared.pk, suspect.pk]


def test_what_the_models_clear_after_its_twin_was_rejected_is_looked_at(
    twin: Callable[..., Submission], clear: Clear, submit: Callable[..., Submission], alice: User
) -> None:
    suspect = twin("item")
    decide(alice, "fake")
    twins_sweep()
    cleared = clear()
    assert result_of(cleared) == "clear"
    Fingerprint.objects.filter(pk=cleared.pk).delete()
    fingerprints_record({cleared.pk: PRINT})
    waiting = submit()
    assert (twins_sweep(), reopened()) == (0, []), "selfies that wait for their votes come first"
    Submission.objects.filter(pk=waiting.pk).update(state="in_review")
    assert twins_sweep() == 1
    (item,) = reopened()
    assert item.submission_id == cleared.pk
    opened = AuditEvent.objects.get(action="item.opened", target_id=str(item.pk))
    assert opened.detail["rejected_twin"] == str(suspect.pk)


def test_a_correction_that_two_people_make_reopens_the_twins_too(
    twin: Callable[..., Submission], alice: User, bob: User, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    cleared, suspect = twin("models"), twin("item")
    item = decide(alice, "real")
    twins_sweep()
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    assert (twins_sweep(), reopened()) == (0, []), "it has no effect yet"
    assert decide(bob, "fake").submission_id == suspect.pk
    twins_sweep()
    assert [one.submission_id for one in reopened()] == [cleared.pk]


def test_a_doubtful_adjudication_asks_one_more_person(
    twin: Callable[..., Submission], alice: User, bob: User, staff: Callable[..., User]
) -> None:
    cleared = twin("models")
    twin("item")
    decide(alice, "fake")
    twins_sweep()
    decide(bob, "fake", is_sure=False)
    assert result_of(cleared) == "clear"
    assert decide(staff("carol", "reviewer"), "fake").submission_id == cleared.pk
    assert result_of(cleared) == "rejected"


def test_a_correction_of_the_adjudication_restores_the_result(
    twin: Callable[..., Submission], alice: User, bob: User
) -> None:
    cleared = twin("models")
    twin("item")
    decide(alice, "fake")
    twins_sweep()
    item = decide(bob, "fake")
    assert result_of(cleared) == "rejected"
    decision_correct(item_id=item.pk, corrector=bob, label="real")
    assert result_of(cleared) == "clear"
    assert told(cleared).count("submission.overturned") == 2


def test_one_that_a_person_will_look_at_anyway_is_reopened_only_if_they_clear_it(
    twin: Callable[..., Submission], alice: User, bob: User, settings: LazySettings
) -> None:
    cleared = twin("models")
    items_open([(cleared.pk, ReviewItem.Reason.SPLIT_VOTE, 0.1)])  # as an audit stands: waiting for a person
    twin("item")
    assert decide(alice, "fake").submission_id != cleared.pk
    twins_sweep()
    assert reopened() == []


def test_an_erased_twin_stays_closed_and_a_search_for_an_erased_one_finds_nothing(
    twin: Callable[..., Submission], alice: User
) -> None:
    gone, kept, suspect = twin("models"), twin("models"), twin("item")
    submission_erase(submission_id=gone.pk, reason="Article 17")
    decide(alice, "fake")
    submission_erase(submission_id=suspect.pk, reason="Article 17")
    twins_sweep()
    assert (reopened(), result_of(kept)) == ([], "clear")
    assert not TwinSearch.objects.exists()


def test_one_that_calibrates_somebody_just_now_is_reopened_afterwards(
    twin: Callable[..., Submission], alice: User
) -> None:
    """The answer to a calibration item is no outcome, so a cleared twin must not stay cleared because of it."""
    cleared, _ = twin("models"), twin("item")
    decide(alice, "fake")
    gold = ReviewItem.objects.create(submission=cleared, reason="gold", masked_reason="split_vote", risk=0.5)
    assert (twins_sweep(), reopened()) == (0, [])
    ReviewItem.objects.filter(pk=gold.pk).update(state="decided", decided_at=Now())
    assert twins_sweep() == 1
    assert [item.submission_id for item in reopened()] == [cleared.pk]
    assert not TwinSearch.objects.exists()


def test_it_can_be_switched_off(
    twin: Callable[..., Submission], alice: User, bob: User, settings: LazySettings
) -> None:
    twin("models"), twin("item"), twin("item")
    settings.TWINS_REOPEN = False
    decide(alice, "fake")
    assert (TwinSearch.objects.count(), twins_sweep(), reopened()) == (0, 0, [])
    settings.TWINS_REOPEN = True
    decide(bob, "fake")
    settings.TWINS_REOPEN = False
    assert (twins_sweep(), reopened()) == (1, []), "also for what was asked for before"


def test_a_decision_on_a_calibration_item_searches_for_nothing(
    twin: Callable[..., Submission], bob: User
) -> None:
    twin("models")
    known = twin("item")
    ReviewItem.objects.filter(submission=known).update(reason=ReviewItem.Reason.GOLD)
    decide(bob, "fake")
    assert not TwinSearch.objects.exists()
