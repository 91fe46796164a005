"""A failed check is the reason of its item everywhere: in the queue, its filter, search and metrics."""

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client
from prometheus_client.samples import Sample

from detection.checks import CheckCode
from kyc_review.accounts.models import User
from kyc_review.metrics.numbers import Numbers
from kyc_review.review.models import ReviewItem
from kyc_review.review.selectors import queue_counts
from kyc_review.scoring.check_words import CODES, DOUBTS
from kyc_review.scoring.models import CheckResult

pytestmark = pytest.mark.django_db
Reason = ReviewItem.Reason
migration = import_module("kyc_review.review.migrations.0012_failed_checks_before_votes")


def check(item: ReviewItem, name: str, status: str, code: str, action: str = "review") -> ReviewItem:
    CheckResult.objects.create(
        submission=item.submission, name=name, status=status, code=code, action=action, value=1, limit=2
    )
    return item


def rows(client: Client, **wanted: str) -> str:
    return " ".join(client.get("/review/", wanted).content.decode().split())


def test_the_row_names_the_failed_check_that_caused_the_others(
    enqueue: Callable[..., ReviewItem], login: Callable[[User], Client], staff: Callable[..., User]
) -> None:
    item = check(enqueue("checks", 0.97), "sharpness", "doubt", "blurred")
    check(item, "face_visible", "fail", "occluded")
    check(item, "face_complete", "fail", "face_cut_off")
    assert f"Picture check failed: {CODES[CheckCode.FACE_CUT_OFF]}" in rows(login(staff("sara", "senior")))


def test_the_row_names_a_doubt_as_a_doubt(
    enqueue: Callable[..., ReviewItem], login: Callable[[User], Client], staff: Callable[..., User]
) -> None:
    check(enqueue("checks"), "single_face", "doubt", "several_faces")
    assert f"Picture check: {DOUBTS[CheckCode.SEVERAL_FACES]}" in rows(login(staff("sara", "senior")))


def test_a_blind_row_names_no_check(
    enqueue: Callable[..., ReviewItem], login: Callable[[User], Client], staff: Callable[..., User]
) -> None:
    check(enqueue("checks"), "pose", "fail", "turned_away")
    ReviewItem.objects.update(is_blind=True)
    assert str(CODES[CheckCode.TURNED_AWAY]) not in rows(login(staff("sara", "senior")))


def test_queue_filter_search_and_metrics_agree(
    enqueue: Callable[..., ReviewItem], login: Callable[[User], Client], staff: Callable[..., User]
) -> None:
    check(enqueue("checks", 0.97), "pose", "fail", "turned_away")
    admin = staff("root", "admin")
    assert [(count.reason, count.waiting) for count in queue_counts(viewer=admin)] == [("checks", 1)]
    client = login(admin)
    assert str(CODES[CheckCode.TURNED_AWAY]) in rows(client, reason="checks")
    assert str(CODES[CheckCode.TURNED_AWAY]) not in rows(client, reason="unanimous_fake")
    reference = ReviewItem.objects.get().submission.external_ref
    assert reference in client.get("/insights/search/", {"reason": "checks"}).content.decode()
    assert reference not in client.get("/insights/search/", {"reason": "unanimous_fake"}).content.decode()
    depth = {sample.labels["reason"]: sample.value for sample in samples("kyc_queue_items")}
    assert (depth["checks"], depth["unanimous_fake"]) == (1, 0)


def samples(name: str) -> Iterator[Sample]:
    for metric in Numbers().collect():
        if metric.name == name:
            yield from metric.samples


def test_waiting_items_get_the_reason_and_decided_ones_keep_theirs(
    enqueue: Callable[..., ReviewItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "BATCH", 1)
    failed = check(enqueue("unanimous_fake"), "pose", "fail", "turned_away")
    second = check(enqueue("split_vote"), "pose", "fail", "turned_away")
    ReviewItem.objects.filter(pk=second.pk).update(reason=Reason.SECOND_REVIEW, masked_reason="split_vote")
    doubted = check(enqueue("unanimous_fake"), "pose", "doubt", "turned_away")
    ignored = check(enqueue("split_vote"), "pose", "fail", "turned_away", "ignore")
    decided = check(enqueue("split_vote"), "pose", "fail", "turned_away")
    ReviewItem.objects.filter(pk=decided.pk).update(state="decided", decided_at="2026-01-01T00:00Z")
    migration.tell_the_check(apps, None)
    shown = dict(ReviewItem.objects.values_list("pk", "shown_reason"))
    assert (shown[failed.pk], shown[second.pk]) == ("checks", "checks")
    assert (shown[doubted.pk], shown[ignored.pk]) == ("unanimous_fake", "split_vote")
    assert shown[decided.pk] == "split_vote"
