"""The case of a submission: who reads what of it, comments and mentions, and the way to an appeal."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import CaseComment, Mention, OutcomeExposure, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.case_views import APPEAL_HIDDEN
from tests.factories.claims import item_claim_next
from tests.factories.pages import collapsed

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
Staff = Callable[..., User]
SECRETS = ("queued-", "branch-12", "p-1", "the seam", "says alice")


def address(item: ReviewItem, name: str = "review:case") -> str:
    return reverse(name, args=[item.submission_id])


def read(person: User, item: ReviewItem, login: Login) -> str:
    return collapsed(login(person).get(address(item)))


@pytest.fixture
def item(enqueue: Enqueue, alice: User) -> ReviewItem:
    """Held by alice; the applicant was rejected once before."""
    item = enqueue(applicant_ref="p-1", metadata={"branch": "branch-12"})
    assert item_claim_next(reviewer=alice) == item
    earlier = enqueue(applicant_ref="p-1").submission
    Submission.objects.filter(pk=earlier.pk).update(
        state="completed", result="rejected", result_reason="reviewer_found_forged", completed_at=Now()
    )
    ReviewItem.objects.filter(submission=earlier).update(state="decided", decided_at=Now())
    return item


def comment(person: User, item: ReviewItem, text: str, login: Login) -> int:
    return login(person).post(address(item, "review:case-comment"), {"text": text}).status_code


def test_it_shows_reference_metadata_and_attempts_with_pictures_and_results(
    item: ReviewItem, alice: User, login: Login
) -> None:
    page = read(alice, item, login)
    for said in (item.submission.external_ref, "p-1", "branch-12", "Rejected", f"Item {item.pk}"):
        assert said in page
    other = Submission.objects.exclude(pk=item.submission_id).get()
    for row in (item.submission, other):
        picture = reverse("review:case-picture", args=[item.submission_id, row.pk])
        assert picture in page
        assert login(alice).get(picture)["Content-Type"] == "image/jpeg"
    looked = Event.objects.filter(action="submission.looked_at", actor_name="alice")
    assert looked.count() == 2
    assert OutcomeExposure.objects.get(person=alice).submission == other, "the rejection was told"


@pytest.mark.parametrize(
    ("role", "status", "picture"),
    [("reviewer", 403, 403), ("senior", 200, 200), ("admin", 200, 404), ("auditor", 200, 200)],
)
def test_only_those_who_may_see_the_case_open_it_and_its_pictures(
    item: ReviewItem, staff: Staff, login: Login, role: str, status: int, picture: int
) -> None:
    window = login(staff("person", role))
    assert window.get(address(item)).status_code == status
    shown = reverse("review:case-picture", args=[item.submission_id, item.submission_id])
    assert window.get(shown).status_code == picture


def test_a_picture_of_another_applicant_is_not_in_the_case(
    item: ReviewItem, enqueue: Enqueue, alice: User, login: Login
) -> None:
    stranger = enqueue(applicant_ref="p-2").submission
    for pk, status in ((stranger.pk, 404), (uuid4(), 404)):
        shown = reverse("review:case-picture", args=[item.submission_id, pk])
        assert login(alice).get(shown).status_code == status
    assert login(alice).get(reverse("review:case", args=[uuid4()])).status_code == 404


def test_item_submission_and_case_lead_to_each_other(
    item: ReviewItem, alice: User, staff: Staff, login: Login
) -> None:
    sara = staff("sara", "senior")
    case, of_item = f'href="{address(item)}"', reverse("review:item-case", args=[item.pk])
    assert f'href="{of_item}"' in login(alice).get(reverse("review:item", args=[item.pk])).text
    assert login(alice).get(of_item)["Location"] == address(item)
    assert login(staff("carol", "reviewer")).get(of_item).status_code == 403
    assert case in login(sara).get(reverse("insights:submission", args=[item.submission_id])).text
    page = login(sara).get(address(item)).text
    assert f'href="{reverse("review:item", args=[item.pk])}"' in page
    assert f'href="{reverse("insights:submission", args=[item.submission_id])}"' in page
    assert "/insights/submissions/" not in login(alice).get(address(item)).text


def test_the_pages_of_item_and_submission_show_it_as_a_tab_with_links_back_and_keep_it_there_after_a_comment(
    item: ReviewItem, alice: User, staff: Staff, login: Login
) -> None:
    window, in_tab = login(alice), {"HX-Request": "true"}
    page = window.get(reverse("review:item", args=[item.pk])).text
    assert 'aria-controls="case-tab"' in page
    assert 'id="case-tab"' in page
    tab = window.get(reverse("review:item-case", args=[item.pk]), headers=in_tab)
    assert tab.status_code == 200
    assert "<html" not in tab.text
    for said in ("branch-12", "Rejected", f'href="{address(item)}" target="_blank"'):
        assert said in tab.text
    sent = window.post(address(item, "review:case-comment"), {"text": "the same scarf"}, headers=in_tab)
    assert (sent.status_code, "<html" in sent.text, "the same scarf" in sent.text) == (200, False, True)
    refused = window.post(address(item, "review:case-comment"), {"text": "@nix"}, headers=in_tab)
    assert (refused.status_code, "<html" in refused.text, "@nix" in refused.text) == (422, False, True)
    senior = login(staff("sara", "senior"))
    assert 'id="case-tab"' in senior.get(reverse("insights:submission", args=[item.submission_id])).text
    there = senior.get(address(item), headers=in_tab).text
    assert f'href="{reverse("review:item", args=[item.pk])}"' in there
    assert OutcomeExposure.objects.filter(person__username="sara").exists(), "reading it is recorded"


@pytest.fixture
def second(item: ReviewItem, alice: User, bob: User, login: Login, settings: LazySettings) -> ReviewItem:
    """Alice rejected the picture and said why; bob holds the blind second review."""
    assert comment(alice, item, "says alice", login) == 302
    settings.SECOND_REVIEW_FAKE_RISK = 0.1
    decision_record(item_id=item.pk, reviewer=alice, label="fake", note="the seam")
    held = item_claim_next(reviewer=bob)
    assert held is not None
    assert (held.submission_id, held.is_blind) == (item.submission_id, True)
    return held


def test_before_the_first_call_a_blinded_case_tells_nothing(
    second: ReviewItem, bob: User, staff: Staff, login: Login
) -> None:
    for person in (bob, staff("sara", "senior")):
        page = read(person, second, login)
        assert 'data-testid="blinded"' in page
        assert not [said for said in SECRETS if said in page]
        assert str(second.pk) not in page.split("<main")[1].split("</main")[0].replace(
            str(second.submission_id), ""
        )
        picture = reverse("review:case-picture", args=[second.submission_id, second.submission_id])
        assert login(person).get(picture).status_code == 404
        assert comment(person, second, "hello", login) == 422
    of_item = reverse("review:item-case", args=[second.pk])
    assert login(bob).get(of_item, headers={"HX-Request": "true"}).status_code == 403
    assert of_item not in login(bob).get(reverse("review:item", args=[second.pk])).text
    assert login(bob).get(of_item).status_code == 403
    assert not OutcomeExposure.objects.exclude(in_passing=True).exists()


def test_after_the_first_call_what_others_said_stays_hidden_until_the_decision_is_final(
    second: ReviewItem, bob: User, staff: Staff, login: Login, settings: LazySettings
) -> None:
    first_call_record(item_id=second.pk, reviewer=bob, label="real")
    page = read(bob, second, login)
    assert 'data-testid="before-decision"' in page
    assert "branch-12" in page
    assert comment(bob, second, "mine alone", login) == 302
    page = read(bob, second, login)
    assert "mine alone" in page
    assert not [said for said in ("the seam", "says alice", 'data-testid="decisions"') if said in page]
    settings.UNDO_WINDOW_S = 10
    decision_record(item_id=second.pk, reviewer=bob, label="fake")
    assert "the seam" not in read(bob, second, login), "the answer could still be taken back"
    ReviewItem.objects.filter(state="settling").update(state="decided", decided_at=Now(), settles_at=None)
    page = read(bob, second, login)
    assert 'data-testid="decisions"' in page
    assert not [said for said in ("the seam", "says alice", "<dt>Received") if said in page], (
        "it tells no second review"
    )
    page = read(staff("sara", "senior"), second, login)
    assert "the seam" in page
    assert "says alice" in page


def test_a_reviewer_reads_what_was_written_since_their_item_came(
    item: ReviewItem, alice: User, staff: Staff, login: Login
) -> None:
    sara = staff("sara", "senior")
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    assert comment(sara, item, "look at the ear", login) == 302
    assert "look at the ear" in read(alice, item, login)
    CaseComment.objects.update(written_at=item.opened_at - timedelta(seconds=1))
    assert "look at the ear" not in read(alice, item, login)


def test_an_auditor_reads_a_case_that_people_still_judge_and_writes_nothing(
    second: ReviewItem, staff: Staff, login: Login
) -> None:
    audrey = staff("audrey", "auditor")
    page = read(audrey, second, login)
    assert "the seam" in page
    assert "says alice" in page
    assert "<textarea" not in page
    assert comment(audrey, second, "hello", login) == 403
    assert login(audrey).post(address(second, "review:case-appeal")).status_code == 403
    assert not OutcomeExposure.objects.filter(person=audrey).exists()


def test_an_attempt_that_somebody_judges_blind_tells_no_result(
    item: ReviewItem, alice: User, login: Login
) -> None:
    other = Submission.objects.exclude(pk=item.submission_id).get()
    ReviewItem.objects.create(submission=other, reason="twin_rejected", risk=0.5, is_blind=True)
    page = read(alice, item, login)
    assert "in review" in page
    assert "Rejected" not in page
    assert not OutcomeExposure.objects.exists()


def test_a_mention_is_told_on_the_queue_page_until_the_case_was_read(
    item: ReviewItem, alice: User, bob: User, login: Login
) -> None:
    assert comment(alice, item, "@bob, is this <b>the</b> same scarf? (@bob)", login) == 302
    assert Mention.objects.get().person == bob
    queue = reverse("review:queue")
    page = login(bob).get(queue).text
    assert 'data-testid="mentions"' in page
    assert "&lt;b&gt;the&lt;/b&gt;" in page
    assert address(item) in page
    assert 'data-testid="mentions"' not in login(alice).get(queue).text
    assert "same scarf" in read(bob, item, login), "who is mentioned may read the case"
    assert 'data-testid="mentions"' not in login(bob).get(queue).text
    said = Event.objects.get(action="submission.commented")
    assert said.detail == {"mentions": [bob.pk]}, "no words in the log, which an erasure does not reach"


def test_a_mention_on_a_blinded_case_waits(item: ReviewItem, alice: User, bob: User, login: Login) -> None:
    comment(alice, item, "@bob see this", login)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    assert 'data-testid="mentions"' not in login(bob).get(reverse("review:queue")).text
    assert 'data-testid="blinded"' in read(bob, item, login)
    assert Mention.objects.get().read_at is None


@pytest.mark.parametrize(
    ("text", "words"), [("@stranger look", "@stranger"), ("  ", "1 to 2,000"), ("x" * 2001, "1 to 2,000")]
)
def test_a_refused_comment_says_why_and_keeps_its_text(
    item: ReviewItem, alice: User, login: Login, text: str, words: str
) -> None:
    answer = login(alice).post(address(item, "review:case-comment"), {"text": text})
    assert answer.status_code == 422
    assert words in answer.text
    assert text.strip() in answer.text
    assert not CaseComment.objects.exists()


def test_an_erasure_deletes_comments_and_mentions(
    item: ReviewItem, alice: User, bob: User, staff: Staff, login: Login
) -> None:
    comment(alice, item, "@bob Jane Roe again", login)
    submission_erase(submission_id=item.submission_id, reason="Article 17")
    assert not CaseComment.objects.exists()
    assert not Mention.objects.exists()
    page = read(staff("sara", "senior"), item, login)
    assert "<textarea" not in page
    assert "branch-12" not in page


def test_a_senior_opens_an_appeal_from_the_case(
    item: ReviewItem, alice: User, bob: User, staff: Staff, login: Login
) -> None:
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    sara = staff("sara", "senior")
    action = f'action="{address(item, "review:case-appeal")}"'
    assert action not in login(alice).get(address(item)).text, "alice is no senior"
    assert action in login(sara).get(address(item)).text
    assert login(bob).post(address(item, "review:case-appeal")).status_code == 403
    answer = login(sara).post(address(item, "review:case-appeal"), {"reason": "She objects"})
    assert answer.status_code == 302
    opened = ReviewItem.objects.get(reason="appeal")
    assert item_claim_next(reviewer=sara) is None, "she read what came of it"
    assert "Somebody else must judge this picture blind" in read(sara, item, login)
    assert item_claim_next(reviewer=bob) == opened
    again = login(sara).post(address(item, "review:case-appeal"), {"reason": "again"})
    assert again.status_code == 409
    assert "She objects" not in read(bob, item, login)


def test_an_appeal_says_before_and_after_that_no_reviewer_is_left(
    item: ReviewItem, alice: User, staff: Staff, login: Login
) -> None:
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    sara = staff("sara", "senior")
    warning = "No reviewer is left: everybody who reviews knows what was said of this picture."
    assert warning in read(sara, item, login)
    login(sara).post(address(item, "review:case-appeal"), {"reason": "She objects"})
    page = read(sara, item, login)
    assert "no reviewer is left" in page
    assert "may be you" not in page
    queue = login(sara).get(reverse("review:queue")).text
    assert 'data-testid="without-reviewer"' in queue
    staff("carol", "reviewer")
    assert "Somebody else must judge" in read(sara, item, login)


@pytest.mark.parametrize("is_appealed", [False, True])
@pytest.mark.parametrize("has_called", [False, True])
def test_before_a_seniors_own_decision_a_refused_appeal_does_not_tell_what_became_of_the_picture(
    second: ReviewItem, staff: Staff, login: Login, has_called: bool, is_appealed: bool
) -> None:
    sara = staff("sara", "senior")
    if has_called:
        ReviewItem.objects.filter(pk=second.pk).update(claimed_by=sara)
        first_call_record(item_id=second.pk, reviewer=sara, label="real")
    if is_appealed:
        Submission.objects.filter(pk=second.submission_id).update(
            state="completed",
            result="rejected",
            result_reason="reviewer_found_forged",
            completed_at=Now(),
        )
        CaseComment.objects.create(submission=second.submission, is_appeal=True, text="")
    answer = login(sara).post(address(second, "review:case-appeal"), {"reason": "She objects"})
    assert answer.status_code == 409
    assert ('data-testid="blinded"' in answer.text) is not has_called
    alert = answer.text.split('role="alert">')[1].split("<")[0]
    assert alert == APPEAL_HIDDEN
    assert not CaseComment.objects.filter(text="She objects").exists()
