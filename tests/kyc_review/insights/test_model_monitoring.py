"""The loop's numbers, and who reads them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from estimation.intervals import Rate, clopper_pearson_upper
from kyc_review.accounts.models import User
from kyc_review.insights import model_monitoring
from kyc_review.insights.search import submissions_found
from kyc_review.insights.templatetags.insight_words import certified, spread
from kyc_review.review.audit_results import Audited, audits_by_week
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import AuditDraw, Decision, ReviewItem
from kyc_review.scoring.models import Scoring
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
SINCE = timezone.now() - timedelta(days=1)


def judge(reviewer: User, first: str, label: str) -> None:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    first_call_record(item_id=item.pk, reviewer=reviewer, label=first)
    decision_record(item_id=item.pk, reviewer=reviewer, label=label)


@pytest.fixture
def worked(enqueue: Callable, alice: User) -> None:
    """Four faces that the models flag, three of them with a risk that says fake."""
    said = (("real", "fake"), ("fake", "real"), ("real", "real"), ("fake", "fake"))
    for (first, label), risk in zip(said, (0.9, 0.8, 0.7, 0.4), strict=True):
        enqueue(risk=risk)
        judge(alice, first, label)


@pytest.mark.usefixtures("worked")
def test_bias_counts_calls_that_were_changed_to_and_from_the_models(staff: Callable) -> None:
    decisions = model_monitoring.decisions_counted(viewer=staff("audrey", "auditor"), since=SINCE)
    bias = model_monitoring.automation_bias(model_monitoring.bias_by_week(decisions))
    assert (bias.apart, bias.followed, bias.together, bias.left) == (3, 1, 1, 1)


@pytest.mark.usefixtures("worked")
def test_labels_and_versions_are_counted(staff: Callable, clear: Callable, settings: LazySettings) -> None:
    settings.AUDIT_SHARE = 1.0
    clear()
    audrey = staff("audrey", "auditor")
    decisions = model_monitoring.decisions_counted(viewer=audrey, since=SINCE)
    (week,) = model_monitoring.labels_by_week(decisions)
    assert (week["real"], week["fake"], week["unclear"], week["audit"]) == (2, 2, 0, 0)
    scored = model_monitoring.scored_by_week(viewer=audrey, since=SINCE)
    newest, older = model_monitoring.versions(scored, viewer=audrey, since=SINCE)
    assert (newest.version, newest.scored, newest.flagged) == ("b-1", 1, 0)
    assert newest.audited is not None
    assert newest.audited.waiting == 1
    assert (older.scored, older.flagged, older.split, older.rejected) == (4, 4, 4, 2)
    assert older.audited is None


@pytest.mark.usefixtures("worked")
def test_a_reviewer_learns_nothing(alice: User, staff: Callable) -> None:
    scored = model_monitoring.scored_by_week(viewer=staff("audrey", "auditor"), since=SINCE)
    assert scored
    assert model_monitoring.scored_by_week(viewer=alice, since=SINCE) == []
    assert model_monitoring.versions(scored, viewer=alice, since=SINCE) == []
    assert model_monitoring.weeks_of_versions(scored, viewer=alice) == []
    assert model_monitoring.decisions_counted(viewer=alice, since=SINCE) == []
    assert audits_by_week(viewer=alice) == []


def found(viewer: User, **wanted: Any) -> int:
    return len(submissions_found(viewer=viewer, wanted=wanted).rows)


@pytest.mark.usefixtures("worked")
def test_each_week_of_first_calls_leads_to_the_faces_that_it_counts(staff: Callable) -> None:
    audrey = staff("audrey", "auditor")
    (week,) = model_monitoring.bias_by_week(model_monitoring.decisions_counted(viewer=audrey, since=SINCE))
    assert week.week is not None
    for name, number in (("apart", 3), ("followed", 1), ("together", 1), ("left", 1)):
        assert getattr(week, name) == number
        assert found(audrey, decided=week.week, hours=168, called=name) == number
    assert found(audrey, decided=week.week, hours=168, label="fake") == 2
    assert found(audrey, decided=week.week + timedelta(days=7), hours=168, called="apart") == 0


@pytest.mark.usefixtures("worked")
def test_a_second_look_agrees_or_not_and_the_disagreement_is_found(staff: Callable, alice: User) -> None:
    first, second = Decision.objects.order_by("pk")[:2]  # fake, real
    bob = staff("bob", "reviewer")
    for decision, label in ((first, "fake"), (second, "fake")):
        item = ReviewItem.objects.create(
            submission=decision.submission,
            reason="second_opinion",
            risk=0.5,
            state="decided",
            decided_at=timezone.now(),
        )
        Decision.objects.create(
            item=item, submission=decision.submission, reviewer=bob, label=label, handling_ms=1
        )
    audrey = staff("audrey", "auditor")
    decisions = model_monitoring.decisions_counted(viewer=audrey, since=SINCE)
    (week,) = model_monitoring.agreement_by_week(decisions)
    assert (week.pairs, week.same, week.apart) == (2, 1, 1)
    assert found(audrey, decided=week.week, hours=168, twice="any") == 2
    assert found(audrey, decided=week.week, hours=168, twice="apart") == 1


@pytest.mark.usefixtures("worked")
def test_the_bound_of_a_version_grows_narrower_over_its_weeks(
    staff: Callable,
    clear: Callable,
    alice: User,
    settings: LazySettings,
) -> None:
    settings.AUDIT_SHARE = 1.0
    rows = [clear() for _ in range(3)]
    then = timezone.now() - timedelta(days=7)
    Scoring.objects.filter(submission=rows[0]).update(scored_at=then)
    AuditDraw.objects.filter(submission=rows[0]).update(drawn_at=then)  # in the verdict's transaction
    audrey = staff("audrey", "auditor")
    scored = model_monitoring.scored_by_week(viewer=audrey, since=then - timedelta(days=1))
    weeks = model_monitoring.weeks_of_versions(scored, viewer=audrey)
    assert [week.bound for week in weeks] == [None] * 3
    for _ in rows:
        judge(alice, "real", "real")
    before, _, after = model_monitoring.weeks_of_versions(scored, viewer=audrey)
    assert (before.version, before.scored, after.scored) == (after.version, 1, 2)
    assert before.bound == pytest.approx(clopper_pearson_upper(0, 1))
    assert after.bound == pytest.approx(clopper_pearson_upper(0, 3))
    assert found(audrey, bundle=before.digest, scored=before.week, hours=168) == 1
    assert found(audrey, bundle=before.digest) == 3
    assert found(audrey, bundle=before.digest, verdict="flagged") == 0
    assert found(audrey, scored=after.week, hours=168, verdict="split_vote") == 4


@pytest.mark.usefixtures("worked")
def test_the_page_adds_up_what_it_reads_once(staff: Callable, clear: Callable, client: Client) -> None:
    """Its figures are those of the rows, also where a bundle scored in several weeks."""
    for days in (1, 10, 20):
        clear()
        Scoring.objects.filter(pk=Scoring.objects.latest("pk").pk).update(
            scored_at=timezone.now() - timedelta(days=days)
        )
    client.force_login(staff("audrey", "auditor"))
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/insights/loop/").context
    for mark in ("review_decisioncountmark", "scoring_scoringcountmark"):
        assert sum(mark in query["sql"] for query in queries) == 1
    rows: dict[str, list[Scoring]] = {}
    for row in Scoring.objects.order_by("scored_at"):
        rows.setdefault(row.bundle_digest, []).append(row)
    assert len(rows) == 2
    assert {
        row.digest: (row.first, row.last, row.scored, row.flagged, row.split) for row in page["versions"]
    } == {
        digest: (
            of[0].scored_at,
            of[-1].scored_at,
            len(of),
            sum(row.verdict != "clear" for row in of),
            sum(row.verdict == "split_vote" for row in of),
        )
        for digest, of in rows.items()
    }
    assert [row.last for row in page["versions"]] == sorted(
        (of[-1].scored_at for of in rows.values()), reverse=True
    )
    weeks = [row for row in page["version_weeks"] if row.scored == 1]
    assert [row.first for row in weeks[:2]] == [
        of.scored_at for of in Scoring.objects.order_by("scored_at")[:2]
    ]
    assert (page["weeks"][0]["real"], page["weeks"][0]["fake"]) == (2, 2)
    assert page["bias"] == model_monitoring.Bias(3, 1, 1, 1)


@pytest.mark.usefixtures("worked")
def test_the_page_names_what_a_point_asks_for(staff: Callable, client: Client) -> None:
    client.force_login(staff("audrey", "auditor"))
    assert "Changed to agree" in client.get("/insights/loop/").text
    week = "2026-11-16T00:00:00Z"
    asked = {"decided": week, "hours": "168", "called": "followed", "label": "fake"}
    page = client.get("/insights/search/", asked).text
    assert "decided within 7 days from 2026-11-16" in page
    assert "found fake; changed to what the models say" in page
    page = client.get("/insights/search/", {"scored": week, "bundle": "d" * 64, "verdict": "split_vote"}).text
    assert "with split votes; by the bundle dddddddddddd" in page


def test_an_interval_in_words() -> None:
    assert spread(Rate(8, 10)) == "49 to 94 %"


@pytest.mark.parametrize(
    ("judged", "fake", "words"),
    [
        (640, 0, "0 found in 640: at most 0.47 %"),
        (59, 0, "0 found in 59: at most 5.0 %"),
        (1_000_000, 0, "0 found in 1000000: at most 0.00030 %"),
        (3, 3, "3 found in 3: at most 100 %"),
        (0, 0, "None judged yet"),
    ],
)
def test_the_bound_is_said_in_words_and_never_rounded_down(judged: int, fake: int, words: str) -> None:
    assert certified(Audited("d", "v", judged, fake, judged, fake, 0, 0, None)) == words


def test_a_plots_point_tells_nobody_of_a_blind_face_that_waits(
    enqueue: Callable,
    staff: Callable,
) -> None:
    item = enqueue(risk=0.9)
    point = {"scored": SINCE, "hours": 48, "verdict": "split_vote"}
    senior, auditor = staff("sam", "senior"), staff("audrey", "auditor")
    assert found(senior, **point) == 1
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    assert found(senior, **point) == 0
    assert found(auditor, **point) == 1
