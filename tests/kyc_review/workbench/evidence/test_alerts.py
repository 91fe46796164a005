"""Which alerts there are, worst first, and what they say of other submissions."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from detection.checks import CheckCode, CheckName
from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence, Likeness
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.check_words import CheckLine, troubles
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence import selectors
from kyc_review.workbench.evidence.alerts import AlertKind, Finding, all_alerts
from kyc_review.workbench.evidence.context import panel_context
from kyc_review.workbench.presenters import VoteLine, VotePanel
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Twin = Callable[..., ReviewItem]


@pytest.fixture
def held(enqueue: Enqueue, alice: User) -> ReviewItem:
    """An item that alice holds, whose evidence is there and says nothing remarkable."""
    item = enqueue(risk=1.0, applicant_ref="p-1")
    metadata = {
        "generator": "",
        "editor": "",
        "thumbnail": "",
        "has_credentials": False,
        "software": [],
        "camera": "",
        "taken_at": "",
        "has_exif": False,
    }
    facts = {"metadata": metadata}
    Evidence.objects.create(
        submission=item.submission, state="ready", facts=facts, computed_at=item.submission.received_at
    )
    assert item_claim_next(reviewer=alice) == item
    return item


def complete(item: ReviewItem, result: str) -> None:
    if result:
        Submission.objects.filter(pk=item.submission_id).update(
            state="completed",
            result=result,
            result_reason="blurred" if result == "resubmit" else "",
            completed_at=Now(),
        )


@pytest.fixture
def twin(held: ReviewItem, enqueue: Enqueue) -> Twin:
    """twin("clear") makes a submission with the picture of the held one, and what became of it."""

    def make(
        result: str = "", *, is_later: bool = False, same_file: bool = True, **fields: object
    ) -> ReviewItem:
        item = enqueue(risk=0.1, **({"applicant_ref": "p-2"} | fields))
        complete(item, result)
        pair = (item.submission, held.submission) if is_later else (held.submission, item.submission)
        Likeness.objects.create(submission=pair[0], earlier=pair[1], bits_apart=0, same_file=same_file)
        return item

    return make


def kinds(item: ReviewItem, viewer: User) -> list[AlertKind]:
    fresh = ReviewItem.objects.get(pk=item.pk)
    return [alert.kind for alert in panel_context(item=fresh, viewer=viewer)["alerts"]]


@pytest.mark.parametrize("is_later", [False, True])
def test_the_same_file_under_another_applicant_is_found_in_both_directions_of_time(
    held: ReviewItem, twin: Twin, alice: User, is_later: bool
) -> None:
    other = twin("rejected", is_later=is_later)
    (alert,) = panel_context(item=ReviewItem.objects.get(pk=held.pk), viewer=alice)["alerts"]
    assert alert.kind == AlertKind.SAME_FILE
    assert alert.title == "Same file, another applicant"
    assert alert.text == f"item {other.pk}, rejected"


def test_of_several_twins_the_worst_outcome_is_the_headline(
    held: ReviewItem, twin: Twin, alice: User
) -> None:
    worst = twin("rejected")
    for result in ("", "resubmit", "rejected", ""):
        latest = twin(result)
    (alert,) = panel_context(item=ReviewItem.objects.get(pk=held.pk), viewer=alice)["alerts"]
    assert latest.pk > worst.pk
    assert alert.text.endswith(", rejected, and 4 more")
    assert alert.other is not None
    assert alert.other.submission.result == "rejected"


@pytest.mark.parametrize(
    ("results", "headline"),
    [(("", "resubmit"), "sent back"), (("clear", ""), "open"), (("clear", "resubmit"), "sent back")],
)
def test_an_open_twin_comes_before_a_cleared_one(
    held: ReviewItem, twin: Twin, alice: User, results: tuple[str, ...], headline: str
) -> None:
    for result in results + results[::-1]:
        twin(result)
    (alert,) = panel_context(item=ReviewItem.objects.get(pk=held.pk), viewer=alice)["alerts"]
    assert f", {headline}, and 3 more" in alert.text


@pytest.mark.parametrize("state", ["waiting", "working", "failed", None])
def test_twins_are_told_before_the_evidence_is_computed(
    held: ReviewItem, twin: Twin, alice: User, login: Callable[[User], Client], state: str | None
) -> None:
    rejected = twin("rejected")
    rows = Evidence.objects.filter(submission=held.submission)
    if state:
        rows.update(state=state, computed_at=None, facts={}, lease_holder="x" if state == "working" else "")
    else:
        rows.delete()
    assert kinds(held, alice) == [AlertKind.SAME_FILE]
    page = login(alice).get(reverse("review:item", args=[held.pk])).text
    assert page.count('id="look-alikes"') == 1, "the alert leads there"
    assert page.count(reverse("evidence:compared", args=[held.pk, rejected.submission_id]) + '"') == 2


def test_that_there_is_no_twin_is_said_once_it_is_known(
    held: ReviewItem, alice: User, login: Callable[[User], Client]
) -> None:
    rows = Evidence.objects.filter(submission=held.submission)
    rows.update(state="waiting", computed_at=None)
    address = reverse("evidence:panel", args=[held.pk])
    assert 'id="look-alikes"' not in login(alice).get(address).text
    rows.update(likenesses_found_at=Now())
    assert 'id="look-alikes"' in login(alice).get(address).text


def test_twins_with_different_verdicts_are_a_conflict_before_all_else(
    held: ReviewItem, twin: Twin, alice: User
) -> None:
    twin("clear", same_file=False)
    twin("rejected")
    found = [AlertKind.CONFLICTING_VERDICTS, AlertKind.SAME_FILE, AlertKind.SAME_PICTURE]
    assert kinds(held, alice) == found


def test_twins_of_one_verdict_or_none_are_no_conflict(held: ReviewItem, twin: Twin, alice: User) -> None:
    for result in ("rejected", "rejected", "resubmit", ""):
        twin(result)
    assert kinds(held, alice) == [AlertKind.SAME_FILE]


@pytest.mark.parametrize("reason", ["gold", "audit", "split_vote"])
def test_what_became_of_a_submission_that_is_still_to_be_judged_makes_no_conflict(
    held: ReviewItem, twin: Twin, alice: User, reason: str
) -> None:
    """Of a calibration item or an audit it would be the answer."""
    twin("rejected")
    ReviewItem.objects.filter(pk=held.pk).update(reason=reason)
    complete(held, "clear")
    assert kinds(held, alice) == [AlertKind.SAME_FILE]


def test_once_decided_its_own_verdict_counts(
    held: ReviewItem, twin: Twin, staff: Callable[..., User]
) -> None:
    other = twin("rejected")
    complete(held, "clear")
    ReviewItem.objects.filter(pk=held.pk).update(
        state="decided",
        decided_at=held.opened_at,
        claimed_by=None,
        claimed_at=None,
        claim_expires_at=None,
    )
    item = ReviewItem.objects.get(pk=held.pk)
    alerts = panel_context(item=item, viewer=staff("sue", "senior"))["alerts"]
    assert alerts[0].kind == AlertKind.CONFLICTING_VERDICTS
    assert alerts[0].text == f"this one cleared, item {other.pk} rejected"


def test_an_applicant_without_a_reference_is_not_called_another(
    held: ReviewItem, twin: Twin, alice: User
) -> None:
    twin("clear", applicant_ref="")
    (alert,) = panel_context(item=ReviewItem.objects.get(pk=held.pk), viewer=alice)["alerts"]
    assert alert.title == "Same file, another submission"


def test_a_rejected_submission_of_the_same_applicant_is_named_and_a_cleared_one_is_not(
    held: ReviewItem, twin: Twin, alice: User
) -> None:
    twin("clear", applicant_ref="p-1")
    assert kinds(held, alice) == []
    twin("rejected", applicant_ref="p-1")
    assert kinds(held, alice) == [AlertKind.CONFLICTING_VERDICTS, AlertKind.REJECTED_BEFORE]


def test_three_alerts_are_shown_and_the_others_are_counted(
    held: ReviewItem, twin: Twin, alice: User, login: Callable[[User], Client]
) -> None:
    twin("clear", same_file=False)
    twin("rejected")
    row = Evidence.objects.get(submission=held.submission)
    row.facts["metadata"] |= {"editor": "Photoshop", "generator": "Midjourney"}
    row.save()
    assert len(kinds(held, alice)) == 5
    page = login(alice).get(reverse("review:item", args=[held.pk])).text
    assert page.count("data-leads-to=") == 4
    assert "2 more below" in page
    assert page.index("Conflicting verdicts") < page.index("Same file") < page.index('data-testid="votes"')


def test_nothing_remarkable_makes_no_alert() -> None:
    assert all_alerts(twins=[], others=[], findings=[], checks=[]) == []


def panel(calls: str, combination: str | None) -> VotePanel:
    lines = tuple(VoteLine(f"Model {place}", "m", 0.5, 0.5, call == "f") for place, call in enumerate(calls))
    combined = VoteLine("Combination", "stack", 0.5, 0.5, combination == "f") if combination else None
    return VotePanel(lines, combined, "b-1")


@pytest.mark.parametrize(
    ("calls", "combination", "headline"),
    [
        ("ffff", "f", "4 of 4 models and their combination say fake"),
        ("rrrr", "r", "4 of 4 models and their combination say real"),
        ("frrr", "f", "1 of 4 models and their combination say fake"),
        ("frrr", "r", "1 of 4 models says fake; their combination says real"),
        ("ffrr", "r", "2 of 4 models say fake; their combination says real"),
        ("rrrr", "f", "4 of 4 models say real; their combination says fake"),
        ("ffrr", None, "2 of 4 models say fake"),
    ],
)
def test_the_headline_never_counts_the_combination_as_a_model(
    calls: str, combination: str | None, headline: str
) -> None:
    assert panel(calls, combination).headline == headline


def check(name: CheckName, status: str, code: CheckCode) -> CheckLine:
    row = CheckResult(name=name.value, status=status, code=code.value, action="review")
    return next(iter(troubles([row])))


UNKNOWN = Finding("After the picture", "unknown data, 34 bytes", AlertKind.UNKNOWN_DATA)
DAMAGE = Finding("Damage", "A part of the picture's data cannot be decoded.", AlertKind.DAMAGED)
TRAILING = (CheckName.INTACT, "doubt", CheckCode.TRAILING_DATA)
DAMAGED = (CheckName.INTACT, "fail", CheckCode.DAMAGED)
BLURRED = (CheckName.SHARPNESS, "doubt", CheckCode.BLURRED)


@pytest.mark.parametrize(
    ("findings", "checks", "expected"),
    [
        ([UNKNOWN], [TRAILING], [AlertKind.UNKNOWN_DATA]),
        ([UNKNOWN], [TRAILING, BLURRED], [AlertKind.UNKNOWN_DATA, AlertKind.CHECK_DOUBTFUL]),
        ([DAMAGE], [DAMAGED], [AlertKind.CHECK_FAILED]),
        ([DAMAGE, UNKNOWN], [DAMAGED], [AlertKind.CHECK_FAILED, AlertKind.UNKNOWN_DATA]),
        ([DAMAGE], [BLURRED], [AlertKind.DAMAGED, AlertKind.CHECK_DOUBTFUL]),
        ([], [TRAILING], [AlertKind.CHECK_DOUBTFUL]),
    ],
)
def test_one_fact_is_one_alert_and_the_more_serious_one(
    findings: list[Finding], checks: list[tuple[CheckName, str, CheckCode]], expected: list[AlertKind]
) -> None:
    alerts = all_alerts(twins=[], others=[], findings=findings, checks=[check(*each) for each in checks])
    assert [alert.kind for alert in alerts] == expected
    assert not any("unknown data follows" in alert.text for alert in alerts if len(alerts) > 1)


@pytest.mark.parametrize(("status", "words"), [("doubt", "perhaps no face"), ("fail", "no face was found")])
def test_a_doubt_claims_nothing(status: str, words: str) -> None:
    checks = [check(CheckName.FACE_FOUND, status, CheckCode.NO_FACE)]
    (alert,) = all_alerts(twins=[], others=[], findings=[], checks=checks)
    assert alert.text == words


@pytest.mark.parametrize("status", ["fail", "doubt"])
def test_a_failed_check_is_the_headline_and_the_votes_are_not(
    held: ReviewItem, alice: User, login: Callable[[User], Client], status: str
) -> None:
    ReviewItem.objects.filter(pk=held.pk).update(reason="unanimous_fake")
    CheckResult.objects.create(
        submission=held.submission, name="intact", status=status, code="damaged", action="review"
    )
    page = login(alice).get(reverse("review:item", args=[held.pk])).text
    has_failed = status == "fail"
    assert (">Picture check failed</span>" in page) is has_failed
    assert (">All votes say fake</span>" in page) is not has_failed
    assert ("Votes mean little: a check failed" in page) is has_failed


def test_an_alert_about_another_picture_says_which_one_may_be_put_next_to_the_items(
    held: ReviewItem, twin: Twin, login: Callable[[User], Client], alice: User
) -> None:
    rejected = twin("rejected")
    page = login(alice).get(reverse("review:item", args=[held.pk])).text
    address = reverse("evidence:compared", args=[held.pk, rejected.submission_id])
    assert page.count(f'data-compare="{address}"') == 2, "at the alert and in the list"
    assert login(alice).get(address).status_code == 200


def test_more_twins_than_the_choice_shows_can_still_be_compared_from_their_alert(
    held: ReviewItem, twin: Twin, login: Callable[[User], Client], alice: User
) -> None:
    twins = [twin("clear", same_file=False) for _ in range(selectors.COMPARED_MAX + 1)]
    first = twins[0]  # the newest come first
    answer = login(alice).get(reverse("evidence:compared", args=[held.pk, first.submission_id]))
    assert answer.status_code == 200
