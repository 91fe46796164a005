"""What the product measures of itself. Each is one query over a partial index or over the last minutes; sandbox
submissions never count, and planted forgeries have metrics of their own. No viewer: the view lets a machine in, and
there is nothing personal here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Min, Q
from prometheus_client.core import GaugeMetricFamily, Metric

from detection.checks import CheckName, CheckStatus
from kyc_review.audit.sealing import oldest_unsealed_at
from kyc_review.core.db.aggregates import DurationQuantiles
from kyc_review.core.db.clock import database_now, skew_s
from kyc_review.core.db.locks import Locked, locks_waited_for
from kyc_review.encryption.keys import keys_in_use
from kyc_review.encryption.keys import problem as keys_problem
from kyc_review.evidence.models import Evidence
from kyc_review.lifecycle.retain import retention_rule
from kyc_review.metrics.gauges import age_s, gauge
from kyc_review.metrics.host import clock_number, database_numbers, host_numbers
from kyc_review.metrics.models import model_numbers
from kyc_review.metrics.planted import planted_numbers
from kyc_review.metrics.queue import queue_numbers
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import CheckResult, Scoring
from kyc_review.scoring.state import last_scored_at, originals_missing, scoring_state
from kyc_review.submissions.models import RetentionPass, State, Submission
from kyc_review.webhooks.models import Delivery
from kyc_review.webhooks.selectors import endpoints_failing_unchecked

log = logging.getLogger(__name__)
LOCKS_WAITED_FOR_S = 2
WINDOW = timedelta(minutes=5)
QUANTILES = (0.5, 0.95, 0.99)
UNFINISHED = (State.RECEIVED, State.SCORING, State.IN_REVIEW)


class Numbers:
    """A collector without state: values are computed at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Without the database: that it does not answer, and what needs none, so that a scrape never fails then."""
        yield from host_numbers()
        try:
            with locks_waited_for(LOCKS_WAITED_FOR_S):
                found, used = list(self._from_database()), keys_in_use()
        except (DatabaseError, Locked) as error:
            log.error("no metrics from the database: %s", error)
            found, used = [], set()
        yield gauge(
            "kyc_database_up", "1 if the database answered the questions of this scrape.", int(bool(found))
        )
        if not found:
            return
        yield from found
        yield gauge(
            "kyc_encryption_keys_usable",
            "1 if pictures can be encrypted and decrypted in the web process that answers, or need no key.",
            int(not keys_problem(used)),  # after the transaction: a key service may answer slowly
        )

    def _from_database(self) -> Iterator[Metric]:
        now = database_now()
        yield from database_numbers()
        yield clock_number(skew_s())
        yield from queue_numbers(now)
        yield from _submissions(now)
        yield from _verdicts(now)
        yield from _checks(now)
        yield from _scoring_health(now)
        yield from _decisions(now)
        yield from _evidence(now)
        yield from _webhooks(now)
        yield from _retention(now)
        yield gauge(
            "kyc_unsealed_events_seconds",
            "Age of the oldest event of the audit log that is not sealed.",
            age_s(now, oldest_unsealed_at()),
        )
        yield from model_numbers(now)
        yield from planted_numbers(now)


def _submissions(now: datetime) -> Iterator[Metric]:
    live = Submission.objects.filter(is_test=False, is_planted=False)
    rows = live.filter(state__in=UNFINISHED).values("state")
    found = {
        row["state"]: (row["number"], row["first"])
        for row in rows.annotate(number=Count("pk"), first=Min("received_at"))
    }
    numbers = GaugeMetricFamily("kyc_submissions", "Submissions without a result.", labels=["state"])
    oldest = GaugeMetricFamily(
        "kyc_submissions_oldest_seconds", "Since the oldest of them was received; 0: none.", labels=["state"]
    )
    for state in UNFINISHED:
        number, first = found.get(state, (0, None))
        numbers.add_metric([state], number)
        oldest.add_metric([state], max(0.0, age_s(now, first)))
    yield from (numbers, oldest)


def _verdicts(now: datetime) -> Iterator[Metric]:
    waited = ExpressionWrapper(F("scored_at") - F("submission__received_at"), output_field=DurationField())
    recent = Scoring.objects.filter(
        scored_at__gte=now - WINDOW, submission__is_test=False, submission__is_planted=False
    )
    verdicts = GaugeMetricFamily(
        "kyc_verdicts_5m",
        "What the five votes said in the last five minutes; a check may hold a `clear`.",
        labels=["verdict"],
    )
    for row in recent.values("verdict").annotate(number=Count("pk")).order_by("verdict"):
        verdicts.add_metric([row["verdict"]], row["number"])
    latency = GaugeMetricFamily(
        "kyc_verdict_latency_seconds", "Post to verdict, of the last five minutes.", labels=["quantile"]
    )
    for quantile, seconds in zip(
        QUANTILES,
        recent.aggregate(found=DurationQuantiles(waited, shares=QUANTILES))["found"] or (),
        strict=False,
    ):
        latency.add_metric([str(quantile)], float(seconds))
    yield from (verdicts, latency)


def _checks(now: datetime) -> Iterator[Metric]:
    recent = CheckResult.objects.filter(checked_at__gte=now - WINDOW, submission__is_planted=False)
    pictures = recent.filter(name=CheckName.FACE_FOUND.value).count()
    troubles = recent.exclude(status=CheckStatus.PASS.value)
    with_effect = troubles.exclude(action="").values("code", "action").order_by("code", "action")
    found: Counter[tuple[str, str]] = Counter()
    for row in troubles.values("name", "status").annotate(number=Count("pk")):
        found[row["name"], row["status"]] += row["number"]
    checks = GaugeMetricFamily(
        "kyc_checks_5m", "Checks of pictures in the last five minutes.", labels=["check", "status"]
    )
    for name in CheckName:
        doubts, fails = (found[name.value, s.value] for s in (CheckStatus.DOUBT, CheckStatus.FAIL))
        for status, number in zip(CheckStatus, (pictures - doubts - fails, doubts, fails), strict=True):
            checks.add_metric([name.value, status.value], number)
    codes = GaugeMetricFamily(
        "kyc_check_codes_5m",
        "Pictures of the last five minutes with a check that did not pass, by code and what followed.",
        labels=["code", "action"],
    )
    for effect in with_effect.annotate(number=Count("submission", distinct=True)):
        codes.add_metric([effect["code"], effect["action"]], effect["number"])
    yield from (checks, codes)


def _scoring_health(now: datetime) -> Iterator[Metric]:
    """True at once: they need no verdict to change."""
    state = scoring_state(now)
    yield gauge(
        "kyc_scoring_backlog_seconds",
        "Age of the oldest selfie that waits for scoring, given to people in a standstill or not; 0: none.",
        max(0.0, age_s(now, state.oldest_at)),
    )
    yield gauge(
        "kyc_originals_missing",
        "Selfies that wait for scoring because the storage has no original of them.",
        originals_missing(),
    )
    yield gauge("kyc_scoring_workers", "Scoring workers that said within 20 s that they live.", state.workers)
    yield gauge(
        "kyc_scoring_workers_failing",
        "Those whose latest run failed, or that can read no pictures.",
        state.failing,
    )
    yield gauge(
        "kyc_scoring_workers_engine_refused",
        "Those of them that score with torch because ONNX Runtime was refused.",
        state.without_their_engine,
    )
    yield gauge(
        "kyc_scoring_standstill",
        "1 while no selfie had an outcome for SCORING_STANDSTILL_S and one waits as long, also with people.",
        int(state.is_standing_still),
    )
    last = last_scored_at(state.last_outcome_at)
    if last is not None:
        yield gauge(
            "kyc_scoring_worker_silence_seconds",
            "Since the scoring worker finished a selfie or the sample of each minute.",
            age_s(now, last),
        )


def _decisions(now: datetime) -> Iterator[Metric]:
    numbers = GaugeMetricFamily(
        "kyc_decisions_5m",
        "People's decisions of the last five minutes, without those taken back and those on planted forgeries.",
        labels=["label"],
    )
    recent = Decision.objects.standing().filter(decided_at__gte=now - WINDOW, submission__is_planted=False)
    for row in recent.values("label").annotate(number=Count("pk")).order_by("label"):
        numbers.add_metric([row["label"]], row["number"])
    yield numbers
    overdue = ReviewItem.objects.filter(state=ReviewItem.State.SETTLING, settles_at__lt=now)
    yield gauge(
        "kyc_default_worker_lag_seconds",
        "How long a decision has been due to become final: the sweep does it every two seconds.",
        age_s(now, overdue.aggregate(first=Min("settles_at"))["first"]),
    )


def _evidence(now: datetime) -> Iterator[Metric]:
    waiting = Evidence.objects.filter(state__in=[Evidence.State.WAITING, Evidence.State.WORKING])
    row = waiting.aggregate(number=Count("pk"), first=Min("due_at"))
    yield gauge("kyc_evidence_waiting", "Pictures whose evidence is to be computed.", row["number"])
    yield gauge(
        "kyc_evidence_backlog_seconds",
        "How long the first of them has been due.",
        max(0.0, age_s(now, row["first"])),
    )


def _webhooks(now: datetime) -> Iterator[Metric]:
    live = Delivery.objects.filter(endpoint__is_test=False)
    not_paused = Q(endpoint__paused_until=None) | Q(endpoint__paused_until__lte=now)
    row = live.filter(state__in=[Delivery.State.PENDING, Delivery.State.SENDING]).aggregate(
        number=Count("pk"), first=Min("due_at", filter=not_paused)
    )
    yield gauge("kyc_webhook_backlog", "Deliveries that wait or are being sent.", row["number"])
    yield gauge(
        "kyc_webhook_backlog_seconds",
        "How long the first of them has been due, without paused endpoints.",
        max(0.0, age_s(now, row["first"])),
    )
    yield gauge(
        "kyc_webhook_endpoints_failing",
        "Endpoints that fail, or were switched off because they did.",
        endpoints_failing_unchecked().count(),
    )
    dead = live.filter(state=Delivery.State.DEAD).count()
    yield gauge("kyc_webhook_dead_letters", "Deliveries that were given up and not replayed.", dead)


def _retention(now: datetime) -> Iterator[Metric]:
    """Nothing without a rule."""
    if not retention_rule().kinds:
        return
    row = RetentionPass.objects.aggregate(ended=Max("ended_at"), began=Min("started_at"))
    if since := row["ended"] or row["began"]:
        yield gauge(
            "kyc_retention_silence_seconds",
            "Since a daily pass of erasing by age went through, or the first one began.",
            age_s(now, since),
        )
