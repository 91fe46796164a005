"""What waits for an admin is on the page of retraining, and its number in the navigation of every page."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import AdminRequest, User
from kyc_review.accounts.people.admin_requests import admin_request_open
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.permissions import Role
from kyc_review.notices.models import Kind, Notice
from kyc_review.notices.services import channel_create
from kyc_review.planting.changes import planting_propose
from kyc_review.registry.models import Bundle, ModelRecord
from kyc_review.training.gate_changes import gate_change_propose
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import Alarm, Comparison, TrainingRun
from kyc_review.training.proposals import proposal_open, proposal_reject
from kyc_review.training.waiting import waiting_count, waiting_for
from tests.factories.planted import VALUES, WHY

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def amir(staff: Callable[..., User]) -> User:
    return staff("amir", "admin")


def texts(viewer: User) -> list[str]:
    return [one.text for one in waiting_for(viewer=viewer)]


def page_of(person: User, url: str) -> str:
    client = Client()
    client.force_login(person)
    return client.get(url).content.decode()


def test_a_proposal_waits_for_every_admin_but_the_one_who_made_it(
    comparison: Comparison, ada: User, amir: User
) -> None:
    assert (texts(ada), waiting_count(viewer=ada)) == ([], 0)
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    assert texts(ada) == []
    assert texts(amir) == [f"ada proposes {comparison.candidate.version} for production."]
    assert "waiting-badge" in page_of(amir, "/review/")
    assert "waiting-badge" not in page_of(ada, "/review/")
    assert "ada proposes" in page_of(amir, "/retraining/")
    assert "ada proposes" in page_of(amir, "/retraining/waiting/")
    assert "nothing-waits" in page_of(ada, "/retraining/waiting/")
    proposal_reject(proposal=proposal, actor=amir, remark="Load first.")
    assert (texts(amir), waiting_count(viewer=amir)) == ([], 0)


def test_proposals_of_each_kind_wait_and_are_told(ada: User, amir: User, alice: User) -> None:
    """The number in the navigation, the list, and a notice agree on the kinds."""
    sent = {"medium": "email", "address": "models@bank.example", "kinds": [Kind.PROPOSAL.value]}
    channel_create(actor=ada, is_shared=True, **sent)  # type: ignore[arg-type]
    gate_change_propose(
        limits=replace(Limits.current(), recall_min=0.6), reason="The board decided it.", actor=ada
    )
    planting_propose(values=VALUES, reason=WHY, actor=ada)
    admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=ada)
    waiting = waiting_for(viewer=amir)
    assert len({one.url for one in waiting}) == len(waiting) == waiting_count(viewer=amir) == 3
    assert (texts(ada), waiting_count(viewer=ada)) == ([], 0)
    notices = Notice.objects.filter(kind=Kind.PROPOSAL)
    assert {notice.path for notice in notices} == {one.url for one in waiting}


def test_a_failed_run_waits_until_one_succeeds_or_a_week_is_over(
    run: TrainingRun, candidate: Bundle, ada: User
) -> None:
    run.state, run.error, run.ended_at = TrainingRun.State.FAILED, "No space is left.", timezone.now()
    run.save()
    assert texts(ada) == [f"Run {run.pk} failed: No space is left."]
    assert waiting_count(viewer=ada) == 1
    TrainingRun.objects.filter(pk=run.pk).update(ended_at=timezone.now() - timedelta(days=8))
    assert waiting_count(viewer=ada) == 0
    TrainingRun.objects.filter(pk=run.pk).update(ended_at=timezone.now())
    TrainingRun.objects.create(
        snapshot=run.snapshot, init=run.init, seed=1, state="succeeded", candidate=candidate
    )
    assert waiting_count(viewer=ada) == 0


def test_overturned_clears_and_signals_that_call_are_listed(
    decide: Callable, settings: pytest.FixtureRequest, ada: User
) -> None:
    decision = decide("fake")
    audit.record(action="submission.overturned", target=decision.submission)
    assert texts(ada) == [
        "1 cleared selfie was found to be fake in the last week, and the outcome overturned."
    ]
    settings.RETRAIN_SUGGEST_DECISIONS = 1  # type: ignore[attr-defined]
    assert texts(ada)[-1].startswith("New decisions: 1 are in no snapshot yet")


def test_overturned_clears_that_were_seen_wait_no_more_until_there_is_another(
    decide: Callable, ada: User, amir: User, client: Client
) -> None:
    submission = decide("fake").submission
    audit.record(action="submission.overturned", target=submission)
    (listed,) = waiting_for(viewer=ada)
    client.force_login(ada)
    page = client.get("/retraining/waiting/").content.decode()
    assert f'name="until" value="{listed.seen_until}"' in page
    audit.record(action="submission.overturned", target=submission)  # between the page and the button
    assert client.post("/retraining/waiting/seen/", {"until": listed.seen_until}).status_code == 302
    assert texts(ada) == [
        "1 cleared selfie was found to be fake in the last week, and the outcome overturned."
    ]
    client.post("/retraining/waiting/seen/", {"until": waiting_for(viewer=ada)[0].seen_until})
    assert (texts(ada), waiting_count(viewer=ada)) == ([], 0)
    assert (len(texts(amir)), waiting_count(viewer=amir)) == (1, 1), "each admin sees for herself"
    event = Event.objects.filter(action="overturned.seen").latest("pk")
    assert (event.actor_name, event.target_id) == ("ada", str(ada.pk))
    audit.record(action="submission.overturned", target=submission)
    assert waiting_count(viewer=ada) == 1
    assert client.post("/retraining/waiting/seen/", {"until": "x"}).status_code == 400


def test_only_admins_acknowledge(staff: Callable[..., User], client: Client) -> None:
    client.force_login(staff("audrey", "auditor"))
    assert client.post("/retraining/waiting/seen/", {"until": "1"}).status_code == 403
    assert not Event.objects.filter(action="overturned.seen").exists()


def test_the_number_in_the_navigation_counts_all_that_is_listed_but_suggestions(
    comparison: Comparison, decide: Callable, settings: pytest.FixtureRequest, ada: User, amir: User
) -> None:
    settings.RETRAIN_SUGGEST_DECISIONS = 1  # type: ignore[attr-defined]
    decision = decide("fake")
    audit.record(action="submission.overturned", target=decision.submission)
    proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    limits = replace(Limits.of_environment(), recall_min=0.7)
    gate_change_propose(limits=limits, reason="Decision of the board.", actor=ada)
    Alarm.objects.create(signal="Scores", detail="Population stability index 0.40.")
    Alarm.objects.create(signal="Audit", detail="It was high.", ended_at=timezone.now())
    due = {"next_review_on": timezone.localdate(), "changed_by": ada}
    ModelRecord.objects.update_or_create(bundle=comparison.champion, defaults=due)
    listed = texts(amir)
    assert [text.split(":")[0].split(" ")[0] for text in listed] == [
        "ada",
        "ada",
        "1",
        "The",
        "Scores",
        "New",
    ]
    assert waiting_count(viewer=amir) == len(listed) - 1
    page = page_of(amir, "/review/")
    assert 'href="/retraining/waiting/"' in page
    assert f'title="{len(listed) - 1} waiting for you"' in page
    assert 'href="/retraining/waiting/"' not in page_of(decision.reviewer, "/review/")


def test_only_admins_are_waited_for(comparison: Comparison, ada: User, staff: Callable[..., User]) -> None:
    proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    for role in ("reviewer", "senior", "auditor"):
        person = staff(f"one-{role}", role)
        assert (waiting_for(viewer=person), waiting_count(viewer=person)) == ([], 0)


def test_it_is_the_start_page_of_admins_who_do_not_review(
    ada: User, alice: User, staff: Callable[..., User]
) -> None:
    both = staff("both", "admin")
    both.groups.add(*alice.groups.all())
    starts = {
        ada: "/retraining/waiting/",
        alice: "/review/",
        both: "/review/",
        staff("otto", "auditor"): "/review/",
    }
    for person, start in starts.items():
        client = Client()
        client.force_login(person)
        assert client.get("/")["Location"] == start
        assert client.get("/login/")["Location"] == "/"
