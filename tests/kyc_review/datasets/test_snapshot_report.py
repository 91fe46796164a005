"""What snapshots hold: consensus alone, never calibration or the sandbox; weights, faces, differences."""

import errno
import json
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from detection.checks import CheckCode, CheckName
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.datasets import manifest, snapshot_report
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import unused_decisions
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import AuditDraw, Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import PrivateStorage
from tests.factories.checks import failing
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def held(snapshot: Snapshot) -> dict[str, dict]:
    return {item["submission"]: item for item in json.loads(snapshot.manifest.read_text())["items"]}


def test_a_face_that_somebody_still_looks_at_is_in_no_snapshot(
    decide: Callable[..., Decision],
    clear: Callable[..., Submission],
    alice: User,
    ada: User,
    settings: LazySettings,
) -> None:
    settings.SECOND_REVIEW_SHARE = settings.AUDIT_SHARE = 1.0
    row = clear()
    item = claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    settings.SECOND_REVIEW_SHARE = 0.0
    plain = decide("real")
    assert list(unused_decisions(viewer=ada)) == [plain]
    made = snapshot_create()
    assert set(held(made)) == {str(plain.submission_id)}
    assert row.pk != plain.submission_id
    assert snapshot_report.decisions_left_out(viewer=ada, snapshot=made) == [("waits", 1)]
    assert snapshot_report.decisions_left_out(viewer=alice, snapshot=made) == []


def test_calibration_and_the_sandbox_are_never_in_a_snapshot(
    decide: Callable[..., Decision], submit: Callable[..., Submission], alice: User, ada: User
) -> None:
    kept, gold, sandbox = decide("fake"), decide("fake"), decide("fake")
    Submission.objects.filter(pk=sandbox.submission_id).update(is_test=True)
    again = ReviewItem.objects.create(
        submission=gold.submission, reason="gold", risk=0.5, state="decided", decided_at=timezone.now()
    )
    answer = Decision.objects.create(
        item=again, submission=gold.submission, reviewer=alice, label="real", handling_ms=1
    )
    assert set(unused_decisions(viewer=ada)) == {kept, gold}
    items = held(snapshot_create())
    assert set(items) == {str(kept.submission_id), str(gold.submission_id)}
    assert items[str(answer.submission_id)]["label"] == "fake", "an answer to calibration is no label"


def test_what_the_audit_drew_weighs_one_over_its_chance(
    decide: Callable[..., Decision],
    clear: Callable[..., Submission],
    alice: User,
    ada: User,
    settings: LazySettings,
) -> None:
    decide("fake")
    settings.AUDIT_SHARE = 1.0
    row = clear()
    AuditDraw.objects.update(probability=0.04, uniform_share=0.04)
    item = claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    snapshot = snapshot_create()
    assert {item["reason"]: item["weight"] for item in held(snapshot).values()} == {
        "split_vote": 1.0,
        "audit": 25.0,
    }
    audit, split = snapshot_report.label_shares(viewer=ada, snapshot=snapshot)
    assert (audit.reason, audit.real, audit.fake, audit.weight) == ("audit", 1, 0, 25.0)
    assert (split.reason, split.real, split.fake, split.weight) == ("split_vote", 0, 1, 1.0)
    assert snapshot_report.weighted_fake_share(viewer=ada, snapshot=snapshot) == pytest.approx(1 / 26)
    assert str(row.pk) in held(snapshot)


def test_a_fake_that_a_check_sent_back_is_no_fake_that_an_audit_of_cleared_faces_found(
    clear: Callable[..., Submission],
    submit: Callable[..., Submission],
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "HOLDOUT_PERCENT", 100)
    settings.AUDIT_SHARE = 1.0
    cleared = clear()
    sent_back = submit()
    lease_batch(holder="w", limit=1)
    scored = Scored(votes=(), elapsed_ms=1.0, checks=failing(CheckName.SHARPNESS, CheckCode.BLURRED))
    verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored={sent_back.pk: scored})
    AuditDraw.objects.update(probability=0.04, uniform_share=0.04)
    for _ in range(2):
        decision_record(item_id=claim_next(alice).pk, reviewer=alice, label="fake")
    snapshot = snapshot_create()
    items = held(snapshot)
    assert (items[str(cleared.pk)]["audited"], items[str(sent_back.pk)]["audited"]) == ("clear", "resubmit")
    assert not items[str(cleared.pk)]["sent_by_checks"]
    assert items[str(sent_back.pk)]["sent_by_checks"]
    assert {item["weight"] for item in items.values()} == {25.0}
    assert snapshot.facts["held_out"] == {"real": 0, "fake": 2, "audited_fakes": 1}
    assert snapshot.facts["applicants"] == {"real": 0, "fake": 2}


def test_two_snapshots_differ_by_what_came_went_and_was_relabelled(
    decide: Callable[..., Decision], alice: User, ada: User
) -> None:
    kept, changed, gone = decide("real"), decide("real"), decide("fake")
    first = snapshot_create(name="first")
    decision_correct(item_id=changed.item_id, corrector=alice, label="fake")
    decision_correct(item_id=gone.item_id, corrector=alice, label="not_assessable", obstacle="blurred")
    new = decide("fake")
    second = snapshot_create(name="second")
    found = snapshot_report.snapshot_difference(viewer=ada, snapshot=second, other=first)
    assert found is not None
    assert (found.added, found.removed, found.relabelled) == (1, 1, 1)
    lists = (found.added_items, found.removed_items, found.relabelled_items)
    assert [[item.decision.submission_id for item in rows] for rows in lists] == [
        [new.submission_id],
        [gone.submission_id],
        [changed.submission_id],
    ]
    assert kept.submission_id not in {new.submission_id, gone.submission_id, changed.submission_id}


def test_the_page_shows_balance_difference_and_blurred_faces(
    decide: Callable[..., Decision], ada: User, login: Callable[[User], Client]
) -> None:
    decision = decide("fake")
    snapshot_create(name="first"), snapshot_create(name="second")
    window: Client = login(ada)
    page = window.get("/retraining/snapshots/second/?against=first")
    assert page.status_code == 200
    assert "only in second" in page.content.decode()
    face = f"/retraining/snapshots/second/faces/{decision.submission_id}/"
    small = window.get(f"{face}blurred/")
    assert (small["Content-Type"], len(small.content) < 1000) == ("image/png", True)
    assert not Event.objects.filter(action="submission.looked_at").exists()
    assert window.get(face)["Content-Type"] == "image/jpeg"
    assert Event.objects.get(action="submission.looked_at").detail == {"snapshot": "second"}
    assert window.get("/retraining/snapshots/second/?against=none").status_code == 404
    assert window.get("/retraining/snapshots/none/").status_code == 404


def test_files_that_a_disk_cannot_give_now_are_not_said_to_be_gone(
    decide: Callable[..., Decision],
    ada: User,
    login: Callable[[User], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(self: PrivateStorage, name: str, mode: str = "rb") -> None:
        raise OSError(errno.EIO, "it fails", self.path(name))

    decision = decide("fake")
    snapshot_create(name="first")
    window: Client = login(ada)
    window.raise_request_exception = False
    face = f"/retraining/snapshots/first/faces/{decision.submission_id}/"
    paths = [face, f"{face}blurred/", "/retraining/snapshots/first/manifest/"]
    with monkeypatch.context() as failing:
        failing.setattr(PrivateStorage, "_open", fails)
        answers = [window.get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert all(answer["Retry-After"] for answer in answers)
    assert [window.get(path).status_code for path in paths] == [200] * 3


@pytest.mark.parametrize(
    ("role", "status"), [("reviewer", 403), ("senior", 403), ("auditor", 200), ("admin", 200)]
)
def test_who_sees_a_snapshot_and_its_faces(
    decide: Callable[..., Decision],
    staff: Callable[..., User],
    login: Callable[[User], Client],
    role: str,
    status: int,
) -> None:
    decision = decide("fake")
    snapshot_create(name="first")
    window = login(staff("person", role))
    face = f"/retraining/snapshots/first/faces/{decision.submission_id}/"
    paths = ["/retraining/snapshots/first/", face, f"{face}blurred/"]
    assert [window.get(path).status_code for path in paths] == [status] * 3


def test_strangers_to_retraining_learn_nothing_from_the_selectors(
    decide: Callable[..., Decision], alice: User
) -> None:
    decide("fake")
    snapshot = snapshot_create()
    assert snapshot_report.label_shares(viewer=alice, snapshot=snapshot) == []
    assert snapshot_report.weighted_fake_share(viewer=alice, snapshot=snapshot) is None
    assert snapshot_report.snapshot_difference(viewer=alice, snapshot=snapshot, other=snapshot) is None
    assert not snapshot_report.snapshot_faces(viewer=alice, snapshot=snapshot).exists()


def test_a_face_of_another_set_is_not_found_through_this_one(
    decide: Callable[..., Decision], ada: User, login: Callable[[User], Client]
) -> None:
    decide("fake")
    snapshot_create(name="first")
    later = decide("real")
    answer = login(ada).get(f"/retraining/snapshots/first/faces/{later.submission_id}/")
    assert answer.status_code == 404


def test_each_decision_is_in_the_snapshot_or_left_out_for_one_reason(
    decide: Callable[..., Decision], alice: User, ada: User, login: Callable[[User], Client]
) -> None:
    kept, planted, sandbox, waits = (decide("fake") for _ in range(4))
    gold = ReviewItem.objects.create(
        submission=kept.submission, reason="gold", risk=0.5, state="decided", decided_at=timezone.now()
    )
    Decision.objects.create(
        item=gold, submission=kept.submission, reviewer=alice, label="real", handling_ms=1
    )
    Submission.objects.filter(pk=planted.submission_id).update(is_planted=True)
    Submission.objects.filter(pk=sandbox.submission_id).update(is_test=True)
    ReviewItem.objects.create(submission=waits.submission, reason="second_opinion", risk=0.5)
    made = snapshot_create()
    assert set(held(made)) == {str(kept.submission_id)}
    left_out = snapshot_report.decisions_left_out(viewer=ada, snapshot=made)
    assert dict(left_out) == dict.fromkeys(("gold", "planted", "test", "waits"), 1)
    assert made.items.count() + sum(number for _, number in left_out) == Decision.objects.final().count()
    page = login(ada).get(f"/retraining/snapshots/{made.name}/").content.decode()
    assert "held back, because the submission waits for another look" in page
