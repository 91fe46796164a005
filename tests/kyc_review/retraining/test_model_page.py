"""The page of a model tells where it came from, truthfully, and what became of it."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle, ModelRecord
from kyc_review.review.models import Decision
from kyc_review.training.jobs import State, job_end, job_lease
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.proposals import proposal_approve, proposal_open
from kyc_review.training.waiting import waiting_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def amir(staff: Callable[..., User]) -> User:
    return staff("amir", "admin")


def page_of(person: User, url: str, status: int = 200) -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(url)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def of(bundle: Bundle) -> str:
    return f"/registry/{bundle.digest}/"


def test_the_whole_way_of_a_candidate_is_linked(
    run: TrainingRun, comparison: Comparison, ready: Snapshot, ada: User, amir: User
) -> None:
    leased = job_lease(TrainingRun)
    assert leased is not None
    job_end(leased, State.SUCCEEDED, candidate=comparison.candidate)
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It catches more forged mouths.")
    proposal_approve(proposal=proposal, actor=amir, remark="Agreed.")
    page = page_of(ada, of(comparison.candidate))
    for link in (
        f"/retraining/runs/{run.pk}/",
        "/retraining/snapshots/ready/",
        f"/comparisons/{comparison.pk}/",
    ):
        assert link in page
    for text in (
        "120 real, 80 fake",
        "Approved",
        "ada and amir",
        "It catches more forged mouths.",
        "Agreed.",
    ):
        assert text in page
    assert "In production" in page
    assert "No training run of this installation made it" not in page


def test_what_no_run_made_here_says_so(serving: Bundle, ada: User) -> None:
    page = page_of(ada, of(serving))
    assert "No training run of this installation made it" in page
    assert "Shipped baseline" in page
    assert "<h3>v1</h3>" in page, "its model card"


def test_what_only_says_that_it_was_trained_here_is_imported(candidate: Bundle, ada: User) -> None:
    assert candidate.source == Bundle.Source.TRAINED
    page = page_of(ada, of(candidate))
    assert "Imported" in page
    assert "Trained here" not in page


def test_admins_keep_record_and_notes_and_auditors_read_them(
    serving: Bundle, ada: User, staff: Callable[..., User], alice: User
) -> None:
    client = Client()
    client.force_login(ada)
    day = (timezone.localdate() + timedelta(days=200)).isoformat()
    sent = {
        "owner": "Fraud models",
        "purpose": "Selfies.",
        "next_review_on": day,
        "tags": "pilot eu",
    }
    assert client.post(f"{of(serving)}record/", sent).status_code == 302
    sent["version"] = client.get(of(serving)).context["form"]["version"].value()
    assert client.post(f"{of(serving)}record/", sent | {"tags": "NOT/ONE"}).status_code == 422
    assert client.post(f"{of(serving)}record/", sent | {"next_review_on": "soon"}).status_code == 422
    ancient = client.post(f"{of(serving)}record/", sent | {"next_review_on": "0001-01-01"})
    assert (ancient.status_code, "0001-01-01 does not" in ancient.text) == (422, True)
    assert "next_review_on" in ancient.context["form"].errors
    long = client.post(f"{of(serving)}notes/", {"text": "x" * 1001}, follow=True)
    assert "this one has 1,001" in long.text
    assert client.post(f"{of(serving)}notes/", {"text": "Validated."}).status_code == 302
    assert ModelRecord.objects.get().tags == ["pilot", "eu"]
    auditor = staff("otto", "auditor")
    page = page_of(auditor, of(serving))
    for text in ("Fraud models", day, "Validated.", ">eu<"):
        assert text in page
    assert "Save the record" not in page
    assert "Fraud models" in page_of(auditor, "/registry/")
    stale = client.post(f"{of(serving)}record/", {"owner": "Late", "version": ""})
    assert stale.status_code == 409
    shown = stale.content.decode()
    assert "ada changed this record at " in shown
    assert "Fraud models" in shown.split('data-testid="in-force"')[1].split("</dl>")[0]
    assert 'value="Late"' in shown
    assert ModelRecord.objects.get().owner == "Fraud models"
    again = {"owner": "Late", "version": stale.context["form"]["version"].value()}
    assert client.post(f"{of(serving)}record/", again).status_code == 302
    assert ModelRecord.objects.get().owner == "Late"
    page_of(alice, of(serving), status=403)
    page_of(ada, "/registry/" + "0" * 64 + "/", status=404)
    assert page_of(ada, f"{of(serving)}files/none/", status=404)


def test_versions_elsewhere_link_to_it(
    comparison: Comparison, ada: User, staff: Callable[..., User], decide: Callable[..., Decision]
) -> None:
    link = f'<a href="{of(comparison.candidate)}">v2</a>'
    for url in ("/retraining/", f"/retraining/comparisons/{comparison.pk}/"):
        assert link in page_of(ada, url)
    submission = decide("fake").submission
    there = f"/insights/submissions/{submission.pk}/"
    assert f'<a href="/registry/{"d" * 64}/">test-1</a>' in page_of(ada, there)
    assert "/registry/" not in page_of(staff("sue", "senior"), there)


def test_a_review_that_is_due_waits_for_admins(serving: Bundle, ada: User) -> None:
    today = timezone.localdate()
    row = ModelRecord.objects.create(bundle=serving, changed_by=ada, next_review_on=today + timedelta(days=1))
    assert waiting_for(viewer=ada) == []
    row.next_review_on = today
    row.save()
    [one] = waiting_for(viewer=ada)
    assert one.url == of(serving)
