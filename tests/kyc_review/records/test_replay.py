"""Replays: what was hidden stays hidden, what was known then is told as it was, and the rest is said to be unknown."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence.models import Evidence, Likeness
from kyc_review.records.dossier_rows import posted
from kyc_review.records.replay import replay_of, result_at
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import submission_overturn
from tests.factories.claims import item_claim_next
from tests.factories.planted import planted

pytestmark = pytest.mark.django_db


def address(decision: Decision, stage: str = "") -> str:
    page = reverse("records:replay", args=[decision.submission_id, decision.pk])
    return f"{page}?stage={stage}" if stage else page


def evidence_at(decision: Decision, at: datetime) -> Evidence:
    return Evidence.objects.create(
        submission=decision.submission,
        state=Evidence.State.READY,
        computed_at=at,
        likenesses_found_at=at,
        pictures={"noise": "image/png"},
    )


def test_a_blind_item_is_shown_in_two_stages(
    judged: Decision, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    window = login(staff("audrey", "auditor"))
    first, after = window.get(address(judged, "first")), window.get(address(judged, "revealed"))
    assert 'data-testid="votes"' not in first.text
    assert 'data-testid="votes"' in after.text
    assert first.context["shown_at"] == replay_of(judged).claimed_at
    call = replay_of(judged).first_call
    assert call is not None
    assert after.context["shown_at"] == call.called_at
    assert "alice" in first.text
    assert first.context["seen"].unknown
    stages = [
        event.detail["stage"] for event in Event.objects.filter(action="submission.replayed").order_by("pk")
    ]
    assert stages == ["first", "revealed"]
    assert window.get(address(judged, "later")).status_code == 404
    assert 'method="post"' not in after.text.partition("<main")[2], "it is read-only"


def test_who_decided_before_seeing_the_votes_never_saw_them(
    enqueue: Callable[..., ReviewItem],
    alice: User,
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    assert item_claim_next(reviewer=alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    decision = Decision.objects.get()
    assert replay_of(decision).revealed_at is None
    window = login(staff("audrey", "auditor"))
    assert window.get(address(decision, "revealed")).status_code == 404
    assert 'data-testid="votes"' not in window.get(address(decision)).text


def test_an_open_item_was_shown_whole(enqueue: Callable[..., ReviewItem], alice: User) -> None:
    item = enqueue()
    assert item_claim_next(reviewer=alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    seen = replay_of(Decision.objects.get())
    assert seen.revealed_at == seen.claimed_at
    assert seen.looks[0].action == "item.claimed"


def test_evidence_of_a_later_time_is_not_shown_as_if_it_had_been_there(judged: Decision) -> None:
    assert replay_of(judged).evidence is None
    found = evidence_at(judged, judged.decided_at - timedelta(seconds=1))
    seen = replay_of(judged)
    assert seen.evidence == found
    Evidence.objects.update(computed_at=judged.decided_at + timedelta(seconds=1))
    late = replay_of(judged)
    assert late.evidence is None
    assert len(late.unknown) == len(seen.unknown) + 1


def test_others_have_the_result_that_they_had_then(
    judged: Decision, clear: Callable[..., Submission]
) -> None:
    other = clear()
    Submission.objects.filter(pk=other.pk).update(completed_at=judged.decided_at - timedelta(hours=1))
    Likeness.objects.create(submission=judged.submission, earlier=other, bits_apart=2, same_file=False)
    assert replay_of(judged).others == (), "not found yet, as far as is stored"
    evidence_at(judged, judged.decided_at - timedelta(seconds=1))
    [seen] = replay_of(judged).others
    assert (seen.submission, seen.result, seen.is_look_alike) == (other, "clear", True)
    submission_overturn(submission_id=other.pk, result="rejected")
    [seen] = replay_of(judged).others
    assert seen.result == "clear"
    other.refresh_from_db()
    assert result_at(other, timezone.now()) == "rejected"
    assert result_at(other, judged.decided_at - timedelta(hours=2)) == ""
    assert other.state == State.COMPLETED


def test_a_planted_forgery_is_no_other_submission_of_an_applicant(
    judged: Decision, submit: Callable[..., Submission]
) -> None:
    Submission.objects.filter(pk=judged.submission_id).update(applicant_ref="A-7")
    customer = submit(applicant_ref="A-7")
    forgery = planted(submit, applicant_ref="A-7")
    trial = submit(applicant_ref="A-7", is_test=True)
    Submission.objects.update(received_at=judged.decided_at - timedelta(hours=1))
    decision = Decision.objects.get(pk=judged.pk)
    assert [one.submission for one in replay_of(decision).others] == [customer]
    named = "other_submissions_of_the_applicant"
    assert posted(decision.submission)[named] == [customer.pk]
    assert posted(forgery)[named] == posted(trial)[named] == []


def test_it_names_the_promotion_that_counted_when_the_models_voted(judged: Decision) -> None:
    assert replay_of(judged).promotion is None
    assert judged.submission.scoring is not None
    bundle = Bundle.objects.create(version="baseline-1", digest="d" * 64, source="baseline")
    early = Promotion.objects.create(bundle=bundle, kind="promote", shift=-0.5)
    Promotion.objects.create(bundle=bundle, kind="promote", shift=1.0)
    scored_at = Promotion.objects.earliest("pk").promoted_at + timedelta(microseconds=1)
    type(judged.submission.scoring).objects.update(scored_at=scored_at, shift=-0.5)
    seen = replay_of(Decision.objects.select_related("submission__scoring").get())
    assert seen.promotion == early


@pytest.mark.parametrize("role", ["reviewer", "senior", "admin", "auditor"])
def test_admins_and_auditors_open_it_and_only_who_sees_faces_gets_pictures(
    judged: Decision, staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    evidence_at(judged, judged.decided_at - timedelta(seconds=1))
    window = login(staff("person", role))
    view = reverse("records:replay_view", args=[judged.submission_id, judged.pk, "noise"])
    assert Client().get(address(judged)).status_code == Client().get(view).status_code == 302
    page = window.get(address(judged))
    if role in ("reviewer", "senior"):
        assert (page.status_code, window.get(view).status_code) == (403, 403)
        return
    assert (view in page.text) == (role == "auditor")
    # 404: the file of this evidence was never written, so who may see it is told that it is gone
    assert window.get(view).status_code == (404 if role == "auditor" else 403)
    link = address(judged)
    assert link in window.get(reverse("insights:submission", args=[judged.submission_id])).text


def test_a_decision_of_another_submission_and_a_hidden_face_are_refused(
    judged: Decision,
    enqueue: Callable[..., ReviewItem],
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    other = enqueue()
    both = staff("both", "auditor")
    window = login(both)
    assert window.get(reverse("records:replay", args=[other.submission_id, judged.pk])).status_code == 404
    ReviewItem.objects.create(submission=judged.submission, reason="audit", risk=0.1, is_blind=True)
    assert window.get(address(judged)).status_code == 200
    both.groups.add(Group.objects.get(name="senior"))
    assert login(both).get(address(judged)).status_code == 403


def test_an_erased_submission_says_so(
    judged: Decision, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    from kyc_review.lifecycle.erase import submission_erase

    submission_erase(submission_id=judged.submission_id, reason="Asked for.")
    page = login(staff("audrey", "auditor")).get(address(judged))
    assert page.status_code == 200
    assert "data-viewer" not in page.text
    assert page.context["seen"].evidence is None


def test_first_calls_of_others_are_not_the_reviewers(judged: Decision, bob: User) -> None:
    FirstCall.objects.create(item=judged.item, reviewer=bob, label="not_assessable")
    call = replay_of(judged).first_call
    assert call is not None
    assert (call.reviewer, call.label) == (judged.reviewer, "real")
