from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from kyc_review.accounts.models import Integration, User
from kyc_review.pipeline.canary import canary_record
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record, decisions_settle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import RetentionPass, Submission
from kyc_review.training.models import Comparison
from kyc_review.webhooks.endpoint_health import SWITCHED_OFF_BY_HAND
from kyc_review.webhooks.models import Delivery, Endpoint, Event
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


def scraped(client: Client, **headers: str) -> dict[tuple[str, str], float]:
    """(name, its only label) -> value."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_an_empty_house_has_zeros(client: Client) -> None:
    found = scraped(client)
    assert found["kyc_queue_items", "split_vote"] == 0
    assert found["kyc_webhook_backlog", ""] == 0
    assert (
        "kyc_scoring_worker_silence_seconds",
        "",
    ) not in found  # nothing ever came through: not "just now"


def test_the_queue_counts_applicants_who_wait_by_the_reason_that_is_shown(
    client: Client,
    enqueue: Callable[..., ReviewItem],
    settings: Any,
) -> None:
    settings.REVIEW_SLA_S = 3600
    enqueue("split_vote")
    again = enqueue("unanimous_fake")
    old = timezone.now() - timedelta(hours=2)
    ReviewItem.objects.filter(pk=again.pk).update(
        reason="second_opinion", masked_reason="unanimous_fake", opened_at=old
    )
    found = scraped(client)
    assert found["kyc_queue_items", "split_vote"] == found["kyc_queue_items", "unanimous_fake"] == 1
    assert ("kyc_queue_items", "second_opinion") not in found
    assert 7200 <= found["kyc_queue_oldest_seconds", "unanimous_fake"] < 7300
    assert found["kyc_queue_late_items", "unanimous_fake"] == 1
    assert found["kyc_queue_check_items", ""] == found["kyc_queue_check_oldest_seconds", ""] == 0
    assert found["kyc_submissions", "in_review"] == 2
    Submission.objects.filter(pk=again.submission_id).update(received_at=old)
    assert 7200 <= scraped(client)["kyc_submissions_oldest_seconds", "in_review"] < 7300


def test_audits_and_calibration_are_one_number_and_make_nothing_late(
    client: Client,
    enqueue: Callable[..., ReviewItem],
    settings: Any,
) -> None:
    settings.REVIEW_SLA_S = 3600
    enqueue("split_vote")
    before = scraped(client)
    gold, audit, second = enqueue("gold"), enqueue("audit"), enqueue("second_opinion")
    ReviewItem.objects.filter(pk=gold.pk).update(masked_reason="unanimous_fake")
    ReviewItem.objects.filter(pk=second.pk).update(masked_reason="audit")
    old = timezone.now() - timedelta(hours=2)
    ReviewItem.objects.filter(pk__in=[gold.pk, audit.pk]).update(opened_at=old)
    Submission.objects.exclude(review_items__reason="split_vote").update(
        state="completed", result="clear", completed_at=old
    )
    found = scraped(client)
    ordinary = ("kyc_queue_items", "kyc_queue_late_items", "kyc_submissions")
    assert [found[key] for key in found if key[0] in ordinary] == [
        before[key] for key in before if key[0] in ordinary
    ]
    assert found["kyc_queue_check_items", ""] == 3
    assert 7200 <= found["kyc_queue_check_oldest_seconds", ""] < 7300
    assert ("kyc_queue_items", "gold") not in found
    assert ("kyc_queue_items", "audit") not in found


def test_a_correction_that_waits_is_no_waiting_applicant(
    client: Client, enqueue: Callable[..., ReviewItem], alice: User, bob: User, settings: Any
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    enqueue("split_vote")
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    ReviewItem.objects.filter(correction__isnull=False).update(opened_at=timezone.now() - timedelta(hours=1))
    found = scraped(client)
    assert found["kyc_queue_items", "split_vote"] == 0
    assert found["kyc_queue_correction_items", ""] == 1
    assert 3600 <= found["kyc_queue_correction_oldest_seconds", ""] < 3700
    assert found["kyc_queue_items_without_reviewer", ""] == 0
    bob.is_active = False
    bob.save()
    assert scraped(client)["kyc_queue_items_without_reviewer", ""] == 1


def test_no_number_moves_while_a_decision_could_be_taken_back(
    client: Client,
    enqueue: Callable[..., ReviewItem],
    alice: User,
    settings: Any,
) -> None:
    settings.UNDO_WINDOW_S = 10
    enqueue("gold")
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert scraped(client)["kyc_queue_check_items", ""] == 1
    ReviewItem.objects.update(settles_at=timezone.now())
    decisions_settle()
    assert scraped(client)["kyc_queue_check_items", ""] == 0


def test_erasing_by_age_is_watched_while_there_is_a_rule(client: Client, settings: Any) -> None:
    ended = timezone.now() - timedelta(hours=3)
    RetentionPass.objects.create(day=ended.date(), started_at=ended - timedelta(hours=1))
    assert ("kyc_retention_silence_seconds", "") not in scraped(client)
    settings.RETENTION_UNREVIEWED_DAYS = 90
    assert scraped(client)["kyc_retention_silence_seconds", ""] > 4 * 3600 - 1
    RetentionPass.objects.update(ended_at=ended)
    assert 3 * 3600 - 1 < scraped(client)["kyc_retention_silence_seconds", ""] < 4 * 3600 - 1


def test_events_that_nothing_seals_have_an_age(client: Client, enqueue: Callable[..., ReviewItem]) -> None:
    enqueue()
    assert 0 < scraped(client)["kyc_unsealed_events_seconds", ""] < 3600


def test_latency_is_from_post_to_verdict_and_the_sandbox_does_not_count(
    client: Client,
    enqueue: Callable[..., ReviewItem],
) -> None:
    live, sandbox = enqueue().submission, enqueue().submission
    scored = Scoring.objects.get(submission=live).scored_at
    Submission.objects.filter(pk=live.pk).update(received_at=scored - timedelta(seconds=3))
    Submission.objects.filter(pk=sandbox.pk).update(received_at=scored - timedelta(seconds=90), is_test=True)
    found = scraped(client)
    assert found["kyc_verdict_latency_seconds", "0.5"] == pytest.approx(3, abs=0.01)
    assert found["kyc_verdict_latency_seconds", "0.99"] == pytest.approx(3, abs=0.01)
    assert found["kyc_verdicts_5m", "split_vote"] == 1


def test_the_worker_s_silence_grows_until_a_canary(client: Client) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    assert scraped(client)["kyc_scoring_worker_silence_seconds", ""] < 60


def test_dead_letters_and_the_backlog_are_counted(client: Client, integration: Integration) -> None:
    endpoint = Endpoint.objects.create(integration=integration, url="https://bank.example/hook")
    now = timezone.now()
    for state, finished in (("pending", None), ("dead", now)):
        Delivery.objects.create(
            event=Event.objects.create(integration=integration, kind="submission.cleared", payload={}),
            endpoint=endpoint,
            state=state,
            finished_at=finished,
            due_at=now - timedelta(seconds=40),
            gives_up_at=now,
        )
    found = scraped(client)
    assert found["kyc_webhook_backlog", ""] == found["kyc_webhook_dead_letters", ""] == 1
    assert 40 <= found["kyc_webhook_backlog_seconds", ""] < 100
    assert found["kyc_webhook_endpoints_failing", ""] == 0


def test_a_failing_endpoint_is_counted_until_it_is_switched_off_by_hand_and_its_pause_is_no_delay(
    client: Client, integration: Integration
) -> None:
    now = timezone.now()
    endpoint = Endpoint.objects.create(
        integration=integration,
        url="https://bank.example/hook",
        failing_since=now,
        paused_until=now + timedelta(hours=1),
    )
    Delivery.objects.create(
        event=Event.objects.create(integration=integration, kind="submission.cleared", payload={}),
        endpoint=endpoint,
        due_at=now - timedelta(seconds=40),
        gives_up_at=now,
    )
    found = scraped(client)
    assert found["kyc_webhook_endpoints_failing", ""] == found["kyc_webhook_backlog", ""] == 1
    assert found["kyc_webhook_backlog_seconds", ""] == 0
    Endpoint.objects.update(is_active=False, disabled_reason="All 12 attempts failed.")
    assert scraped(client)["kyc_webhook_endpoints_failing", ""] == 1
    Endpoint.objects.update(disabled_reason=SWITCHED_OFF_BY_HAND)
    assert scraped(client)["kyc_webhook_endpoints_failing", ""] == 0


def test_without_a_token_only_this_machine_may_ask(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    for header in (
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "CF-Connecting-IP",
        "True-Client-IP",
    ):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403, header
    assert client.get("/metrics").status_code == 200


def test_with_a_token_nobody_may_ask_without_it(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "watch"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wätch"}).status_code == 403
    scraped(Client(REMOTE_ADDR="10.0.0.9"), Authorization="Bearer watch")


def test_a_scrape_costs_as_many_queries_however_long_the_queue_is(
    client: Client,
    enqueue: Callable[..., ReviewItem],
    django_assert_num_queries: Any,
) -> None:
    for number in range(12):
        enqueue("split_vote", number / 20)
    with django_assert_num_queries(39):
        client.get("/metrics")


def test_models_are_measured(client: Client, comparison: Comparison) -> None:
    found = scraped(client)
    assert found["kyc_champion_info", comparison.champion.digest] == 1
    assert found["kyc_champion_recall", "value"] == pytest.approx(0.75)
    assert found["kyc_champion_recall", "low"] == pytest.approx(0.65)
    assert found["kyc_champion_false_alarm", "value"] == pytest.approx(0.3)
    assert found["kyc_audit_fake_share", "upper"] == 1
    assert found["kyc_audit_judged", ""] == 0
    assert found["kyc_proposals_waiting", ""] == 0
    assert found["kyc_retraining_signal", "audit"] == -1


def test_without_a_champion_runs_are_counted_and_quality_is_not_made_up(client: Client) -> None:
    found = scraped(client)
    assert not any(name.startswith(("kyc_champion", "kyc_audit")) for name, _ in found)
    assert found["kyc_model_jobs", "training"] == 0
