"""Erasing a submission: what goes, what stays, and that nothing brings it back."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from detection.voting import Vote
from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event
from kyc_review.evidence import derivatives as display
from kyc_review.evidence import erasure
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.lifecycle import erase
from kyc_review.lifecycle.erase import erasures_sweep, submission_erase
from kyc_review.pipeline.leases import lease_batch, lease_fail
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.review import services as review
from kyc_review.review.models import AuditDraw, Decision, Gold, ReviewItem
from kyc_review.submissions.models import LateOutcome, State, Submission
from kyc_review.submissions.storage import derivatives, originals, storage_key
from tests.factories.checks import checks
from tests.factories.object_store import ObjectStore
from tests.factories.pages import collapsed
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
REASON = "The applicant asked."
NAMED = {"applicant_ref": "p-1", "metadata": {"branch": "12"}}


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Callable) -> Callable[..., Submission]:
    """committing(submission) erases it, and the transaction commits."""

    def erase(row: Submission, *, actor: User | None = None) -> Submission:
        with django_capture_on_commit_callbacks(execute=True):
            submission_erase(submission_id=row.pk, reason=REASON, actor=actor)
        return Submission.objects.get(pk=row.pk)

    return erase


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_showed_or_named_the_applicant_goes_and_the_bare_row_stays(
    decide: Callable[..., Decision],
    committing: Callable[..., Submission],
    staff: Callable[..., User],
    submit: Callable[..., Submission],
    private_data: Path,
) -> None:
    decision = decide("fake", **NAMED)
    row = Submission.objects.get(pk=decision.submission_id)
    other = submit()
    display.derivative_ensure(row)
    evidence, _ = Evidence.objects.get_or_create(submission=row)
    derivatives.save(evidence.key_of("ela.png"), ContentFile(b"x"))
    for pk in (row.pk, other.pk):
        Fingerprint.objects.create(submission_id=pk, coarse=1, fine=b"\0" * 32)
    Likeness.objects.create(submission=other, earlier=row, bits_apart=0, same_file=False)
    LateOutcome.objects.create(submission=row, finding="confirmed_fraud", note="Mr. X", reported_by="k")
    kept = len(files(private_data))
    ada = staff("ada", "admin")
    erased = committing(row, actor=ada)
    assert (erased.external_ref, erased.applicant_ref, erased.metadata) == ("", "", {})
    assert (erased.state, erased.result) == (State.COMPLETED, "rejected")
    assert kept - len(files(private_data)) == 3
    assert not originals.exists(row.image_key)
    assert originals.exists(other.image_key)
    assert not (Path(derivatives.path(evidence.key_of("ela.png"))).parent).exists()
    assert not Evidence.objects.filter(submission=row).exists()
    assert list(Fingerprint.objects.values_list("pk", flat=True)) == [other.pk]
    assert not Likeness.objects.exists()
    assert LateOutcome.objects.get().note == ""
    assert Decision.objects.get().label == "fake"
    assert erased.scoring.votes.count() == 5
    told = Event.objects.get(action="submission.erased")
    assert (told.actor_name, told.target_id, told.detail["reason"]) == ("ada", str(row.pk), REASON)
    assert "application" not in json.dumps(list(Event.objects.values_list("detail", flat=True)))


def test_notes_and_messages_are_emptied_by_an_erasure_alone(
    enqueue: Callable[..., ReviewItem],
    alice: User,
    bob: User,
) -> None:
    item = enqueue("split_vote", 0.4)
    review.item_claim_next(reviewer=alice)
    review.item_hand_over(item_id=item.pk, reviewer=alice, to=bob, message="is this Mr. X?")
    review.item_claim_next(reviewer=bob)
    decision = review.decision_record(item_id=item.pk, reviewer=bob, label="real")
    review.decision_correct(item_id=decision.item_id, corrector=bob, label="fake", note="looks like Mr. X")
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Decision.objects.update(note="")
    submission_erase(submission_id=decision.submission_id, reason=REASON)
    assert set(Decision.objects.values_list("note", "label")) == {("", "real"), ("", "fake")}
    assert ReviewItem.objects.get().message == ""
    assert "Mr. X" not in json.dumps(list(Event.objects.values_list("detail", flat=True)))
    for change in ({"note": "again"}, {"label": "real"}):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            Decision.objects.filter(label="fake").update(**change)
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        ReviewItem.objects.update(state="open", decided_at=None)
    with pytest.raises(review.ClaimLost, match="erased"):
        review.decision_correct(item_id=decision.item_id, corrector=bob, label="real")


def test_it_needs_a_reason_and_is_safe_to_repeat(submit: Callable[..., Submission]) -> None:
    row = submit()
    with pytest.raises(ValueError, match="why"):
        submission_erase(submission_id=row.pk, reason=" ")
    first = submission_erase(submission_id=row.pk, reason=REASON)
    again = submission_erase(submission_id=row.pk, reason="once more")
    assert first.erased_at == again.erased_at
    assert Event.objects.filter(action="submission.erased").count() == 1


def test_the_database_keeps_an_erased_row_bare(submit: Callable[..., Submission]) -> None:
    submission_erase(submission_id=submit().pk, reason=REASON)
    with pytest.raises(DatabaseError, match="submission_erased_is_bare"), transaction.atomic():
        Submission.objects.update(applicant_ref="p-1")


def test_files_that_a_killed_process_left_are_deleted_by_the_sweep(submit: Callable[..., Submission]) -> None:
    row = submit()
    display.derivative_ensure(row)
    submission_erase(
        submission_id=row.pk, reason=REASON
    )  # the test's transaction never commits, so they were not deleted
    assert originals.exists(row.image_key)
    assert erasures_sweep() == 1
    assert not originals.exists(row.image_key)
    assert not derivatives.exists(display.derivative_key(row.pk))


def test_what_cannot_be_deleted_keeps_no_other_file(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of any kind, for instance of a storage that is not a disk."""
    rows = [submit(), submit(), submit()]
    for row in rows:
        display.derivative_ensure(row)
        submission_erase(submission_id=row.pk, reason=REASON)
    delete = originals.delete

    def refuse_the_second(name: str) -> None:
        if name == rows[1].image_key:
            raise KeyError("no such format")
        delete(name)

    with monkeypatch.context() as patch:
        patch.setattr(originals, "delete", refuse_the_second)
        assert erasures_sweep() == 3
    assert [originals.exists(row.image_key) for row in rows] == [False, True, False]
    assert not any(derivatives.exists(display.derivative_key(row.pk)) for row in rows)
    assert erasures_sweep() == 3
    assert not originals.exists(rows[1].image_key)


def test_the_sweep_looks_again_until_late_writers_have_ended(submit: Callable[..., Submission]) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason=REASON)
    erasures_sweep()
    late = f"{storage_key(row.pk)}/ela.png"
    derivatives.save(late, ContentFile(b"x"))
    assert erasures_sweep() == 1
    assert not derivatives.exists(late)
    Submission.objects.update(erased_at=timezone.now() - erase.SETTLED_AFTER - timedelta(seconds=1))
    assert [erasures_sweep(), erasures_sweep()] == [1, 0]


def test_pictures_in_a_store_without_folders_are_deleted(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, other = submit(), submit()
    store = ObjectStore()
    monkeypatch.setattr(erasure, "derivatives", store)
    for pk in (row.pk, other.pk):
        for name in (".jpg", "/ela-70", "/noise"):
            store.save(f"{storage_key(pk)}{name}", ContentFile(b"x"))
    erasure.pictures_remove(submission_id=row.pk)
    assert sorted(store.objects) == [
        f"{storage_key(other.pk)}{name}" for name in (".jpg", "/ela-70", "/noise")
    ]


def test_a_disk_that_refuses_is_asked_again(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason=REASON)
    Submission.objects.update(erased_at=timezone.now() - 2 * erase.SETTLED_AFTER)
    with monkeypatch.context() as patch:
        patch.setattr(erase, "pictures_remove", refuse)
        erasures_sweep()
    assert erasures_sweep() == 1
    assert erasures_sweep() == 0


def refuse(**_: object) -> None:
    raise OSError(5, "Input/output error")


def test_a_verdict_in_flight_does_not_bring_it_back(
    submit: Callable[..., Submission], committing: Callable[..., Submission]
) -> None:
    row = submit()
    lease_batch(holder="w", limit=1)
    erased = committing(row)
    assert (erased.state, erased.lease_holder) == (State.CANCELLED, "")
    votes = tuple(Vote(f"member-{n}", 0.9, 0.5) for n in range(5))
    late = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
    assert verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored=late) == 0
    lease_fail(holder="w", submission_id=row.pk, error="the file is gone")
    assert lease_batch(holder="w", limit=1) == []
    assert not ReviewItem.objects.exists()
    assert not Fingerprint.objects.exists()


def test_an_open_item_is_withdrawn(enqueue: Callable[..., ReviewItem], alice: User) -> None:
    item = enqueue("split_vote", 0.4)
    submission_erase(submission_id=item.submission_id, reason=REASON)
    assert review.item_claim_next(reviewer=alice) is None
    item.refresh_from_db()
    assert (item.state, item.submission.state) == ("decided", "cancelled")
    assert Event.objects.get(action="item.withdrawn").detail == {"why": "erased"}


def test_the_holder_of_an_item_is_told_clearly(
    claimed: ReviewItem, alice: User, login: Callable[[User], Client]
) -> None:
    submission_erase(submission_id=claimed.submission_id, reason=REASON)
    window: Client = login(alice)
    beat = window.post(f"/review/items/{claimed.pk}/claim/", HTTP_HX_REQUEST="true")
    assert beat.status_code == 409
    assert "erased" in beat.content.decode()
    answer = {"label": "fake", "note": "mine", "shown_item": claimed.pk}
    decided = window.post(f"/review/items/{claimed.pk}/decision/", answer)
    assert decided.status_code == 409
    assert not Decision.objects.exists()


def test_a_decision_in_its_seconds_of_undo_is_made_final_first(
    claimed: ReviewItem,
    alice: User,
    settings: LazySettings,
) -> None:
    settings.UNDO_WINDOW_S, settings.SECOND_REVIEW_SHARE = 10, 0.0
    review.decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    row = submission_erase(submission_id=claimed.submission_id, reason=REASON)
    assert (row.state, row.result) == (State.COMPLETED, "rejected")
    with pytest.raises(review.TooLate):
        review.decision_undo(item_id=claimed.pk, reviewer=alice)


def test_a_second_review_that_it_would_have_asked_for_is_withdrawn_too(
    claimed: ReviewItem,
    alice: User,
    settings: LazySettings,
) -> None:
    settings.UNDO_WINDOW_S, settings.SECOND_REVIEW_SHARE = 10, 1.0
    review.decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    row = submission_erase(submission_id=claimed.submission_id, reason=REASON)
    assert row.state == State.CANCELLED
    assert not ReviewItem.objects.exclude(state="decided").exists()


def test_nobody_is_calibrated_with_it_and_an_unjudged_draw_goes(
    clear: Callable[..., Submission],
    staff: Callable[..., User],
    settings: LazySettings,
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = clear()
    senior = staff("sara", "senior")
    review.gold_add(submission_id=row.pk, senior=senior, label="real")
    submission_erase(submission_id=row.pk, reason=REASON)
    assert not Gold.objects.get().is_active
    assert not AuditDraw.objects.exists()
    with pytest.raises(ValueError, match="completed"):
        review.gold_add(submission_id=row.pk, senior=senior, label="real")


# --- API ------------------------------------------------------------------------------------------------


@pytest.fixture
def eraser(client: Client, integration: Integration) -> Client:
    key = accounts.key_create(
        integration=integration, scopes=["submissions:erase", "submissions:read", "submissions:write"]
    )[1]
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def test_an_integration_erases_what_is_its_own_and_reads_410_afterwards(
    eraser: Client, submit: Callable[..., Submission]
) -> None:
    row, kept = submit(**NAMED), submit()
    url = f"/api/v1/submissions/{row.pk}"
    assert [eraser.delete(f"{url}?reason=asked").status_code for _ in range(2)] == [204, 204]
    gone = eraser.get(url)
    assert (gone.status_code, gone.json()["code"]) == (410, "erased")
    assert gone["Content-Type"] == "application/problem+json"
    assert eraser.post(f"{url}/cancel").status_code == 410
    assert [one["id"] for one in eraser.get("/api/v1/submissions").json()["data"]] == [str(kept.pk)]
    after = eraser.get(f"/api/v1/submissions?after={row.pk}")
    assert after.status_code == 200, "a page that ended at it goes on"
    told = Event.objects.get(action="submission.erased")
    assert (told.actor_kind, told.detail["reason"]) == ("integration", "asked")


def test_a_key_has_the_scope_only_if_somebody_chose_it(
    api: Client, submit: Callable[..., Submission]
) -> None:
    answer = api.delete(f"/api/v1/submissions/{submit().pk}")
    assert answer.status_code == 403
    assert "submissions:erase" in answer.json()["detail"]


def test_what_belongs_to_others_cannot_be_erased(eraser: Client, submit: Callable[..., Submission]) -> None:
    other = submit(integration=accounts.integration_create(slug="branch", name="Branch"))
    sandbox = submit(is_test=True)
    for row in (other, sandbox):
        assert eraser.delete(f"/api/v1/submissions/{row.pk}").status_code == 404
    assert eraser.delete(f"/api/v1/submissions/{uuid4()}").status_code == 404
    assert not Submission.objects.filter(erased_at__isnull=False).exists()


def test_a_late_repetition_of_its_create_neither_names_nor_recreates_it(eraser: Client) -> None:
    headers = {"Idempotency-Key": "once"}

    def post() -> dict:
        sent = {"image": ContentFile(jpeg_bytes(), "a.jpg"), "external_ref": "application-7"}
        return eraser.post("/api/v1/submissions", sent | {"applicant_ref": "p-1"}, headers=headers).json()

    first = post()
    assert first["external_ref"] == "application-7"
    eraser.delete(f"/api/v1/submissions/{first['id']}")
    again = post()
    assert (again["id"], again["external_ref"], again["applicant_ref"]) == (first["id"], "", "")
    assert Submission.objects.count() == 1


# --- people and the command line --------------------------------------------------------------------------


def test_an_admin_erases_on_the_submissions_page_with_a_reason_and_a_confirmation(
    decide: Callable[..., Decision],
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    row = decide("fake", **NAMED).submission
    window: Client = login(staff("ada", "admin"))
    page = f"/insights/submissions/{row.pk}/"
    assert "Erase permanently" in window.get(page).content.decode()
    assert window.post(f"{page}erasure/", {"reason": REASON}).status_code == 422
    assert window.post(f"{page}erasure/", {"confirmed": "on"}).status_code == 422
    assert window.post(f"{page}erasure/", {"reason": REASON, "confirmed": "on"}).status_code == 302
    shown = window.get(page).content.decode()
    assert "Erased submission" in shown
    assert "p-1" not in shown
    assert "Erase permanently" not in shown
    assert "erased" in window.get("/insights/search/").content.decode()


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_nobody_but_an_admin_erases(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    row = submit()
    window: Client = login(staff("person", role))
    path = f"/insights/submissions/{row.pk}/erasure/"
    assert window.post(path, {"reason": REASON, "confirmed": "on"}).status_code == 403
    row.refresh_from_db()
    assert row.erased_at is None


def test_the_command_erases_and_lists(submit: Callable[..., Submission]) -> None:
    row, out = submit(), StringIO()
    call_command("submission", "erase", str(row.pk), "--reason", REASON, stdout=out)
    call_command("submission", "erased", "--since", f"{timezone.now():%Y-%m-%d}", stdout=out)
    assert out.getvalue().count(str(row.pk)) == 2
    with pytest.raises(CommandError, match="no submission"):
        call_command("submission", "erase", str(uuid4()), "--reason", REASON, stdout=out)


def test_a_senior_who_looks_at_its_item_reads_that_it_was_erased(
    claimed: ReviewItem, alice: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    review.decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    submission_erase(submission_id=claimed.submission_id, reason=REASON)
    window: Client = login(staff("sara", "senior"))
    page = collapsed(window.get(f"/review/items/{claimed.pk}/"))
    assert "are deleted" in page
    assert "Decided <strong>fake</strong>" in page
    assert "Correct" not in page
    assert f"/review/items/{claimed.pk}/image/" not in page
    assert "hx-get" not in window.get(f"/review/items/{claimed.pk}/evidence/").content.decode()
