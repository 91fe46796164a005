"""Recall of models and people by kind of edit, counted by hand; and who reads it when."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.metrics.planted import planted_numbers
from kyc_review.planting.figures import bands_of_work, of_today, recalls, recalls_by_bundle
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import PlantedForgery, ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import submission_overturn
from tests.factories.claims import item_claim_next
from tests.factories.planted import planted

pytestmark = pytest.mark.django_db
TOMORROW = timedelta(days=1)


def two_days_ago() -> datetime:
    return timezone.now() - timedelta(days=2)


@pytest.fixture
def measured(submit: Callable[..., Submission], alice: User) -> None:
    """Of four swaps the models clear one, and alice finds two of the others; a warp is sent back by a check."""

    def scored(row: Submission, verdict: str, risk: float) -> None:
        Scoring.objects.create(
            submission=row,
            bundle_version="b-1",
            bundle_digest="c" * 64,
            verdict=verdict,
            risk=risk,
            elapsed_ms=1,
        )

    def done(row: Submission, result: str, reason: str) -> None:
        Submission.objects.filter(pk=row.pk).update(
            state=State.COMPLETED, result=result, result_reason=reason, completed_at=timezone.now()
        )

    for label in ("fake", "fake", "real"):
        row = planted(submit, "swap/eyes/feather")
        scored(row, "split_vote", 0.6)
        Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
        ReviewItem.objects.create(submission=row, reason="split_vote", risk=0.6, opened_at=two_days_ago())
        item = item_claim_next(reviewer=alice)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=alice, label=label)
    cleared = planted(submit, "swap/nose/hard")
    scored(cleared, "clear", 0.1)
    done(cleared, "clear", "models_agree")
    done(planted(submit, "warp/jaw/push"), "resubmit", "blurred")


def test_recall_by_kind_and_by_bundle(measured: None, staff: Callable[..., User], alice: User) -> None:
    admin, since = staff("ada", "admin"), timezone.now() - timedelta(days=30)
    assert recalls(viewer=admin, since=since) == []  # from tomorrow on
    later = timezone.now() + TOMORROW
    everything, swap, warp = recalls(viewer=admin, since=since, now=later)
    assert [row.way for row in (everything, swap, warp)] == ["all", "swap", "warp"]
    for row in (everything, swap):
        assert (row.models.right, row.models.total) == (3, 4)
        assert (row.people.right, row.people.total) == (2, 3)
        assert (row.found.right, row.found.total) == (2, 4)
    assert (warp.planted, warp.sent_back, warp.models.total, warp.found.total) == (1, 1, 0, 0)
    (bundle,) = recalls_by_bundle(viewer=admin, since=since, now=later)
    assert (bundle.way, bundle.planted, bundle.models.right) == ("b-1", 4, 3)
    assert recalls(viewer=alice, since=since, now=later) == []


def test_difficulty_and_expected_work(
    measured: None, enqueue: Callable[..., ReviewItem], staff: Callable[..., User]
) -> None:
    enqueue("split_vote", 0.6)
    rows = {
        row.band: row for row in bands_of_work(viewer=staff("ada", "admin"), now=timezone.now() + TOMORROW)
    }
    band = rows["0.5_to_0.8"]
    overall = 2 / 5
    assert band.difficulty == pytest.approx((1 + 10 * overall) / 13)
    assert (band.known, band.waiting) == (3, 1)
    assert band.usual_s is not None
    assert band.expected_h == pytest.approx(band.usual_s / 3600)


def metrics(now: datetime) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in planted_numbers(now)
        for sample in metric.samples
    }


def before_today() -> None:
    """As if all had been planted and scored two days ago; results and answers are of today."""
    earlier = two_days_ago()
    PlantedForgery.objects.update(planted_at=earlier)
    Scoring.objects.update(scored_at=earlier)


def test_metrics_are_those_of_the_page(measured: None) -> None:
    samples = metrics(timezone.now() + TOMORROW)
    assert samples["kyc_planting_on",] == 0
    assert samples["kyc_planted_forgeries", "swap"] == 4
    assert samples["kyc_planted_recall", "models", "swap", "value"] == 0.75
    assert samples["kyc_planted_recall", "both", "all", "value"] == 0.5
    low, high = (samples["kyc_planted_recall", "people", "swap", bound] for bound in ("low", "high"))
    assert 0 < low < 2 / 3 < high < 1
    assert ("kyc_planted_recall", "models", "warp", "value") not in samples


def test_the_page_shows_them(
    measured: None, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    before_today()
    page = login(staff("otto", "auditor")).get("/planted/", {"days": "30"}).text
    assert 'data-testid="recall-by-kind"' in page
    assert "75" in page.split("<tbody>")[1]
    assert 'data-testid="difficulty"' in page


def test_what_is_decided_or_overturned_today_changes_no_figure_today(
    measured: None,
    submit: Callable[..., Submission],
    staff: Callable[..., User],
    login: Callable[[User], Client],
    alice: User,
) -> None:
    """The page, the metrics and the bundles, to the last digit."""
    senior, since = staff("sara", "senior"), timezone.now() - timedelta(days=30)
    client = login(senior)
    row = planted(submit, "swap/eyes/feather")
    Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
    ReviewItem.objects.create(submission=row, reason="split_vote", risk=0.6, opened_at=two_days_ago())
    before_today()
    cleared = Submission.objects.get(result="clear", result_reason="models_agree")
    Submission.objects.filter(pk=cleared.pk).update(completed_at=two_days_ago())

    def told() -> tuple[object, ...]:
        page = client.get("/planted/", {"days": "30"}).text
        table = page.split('data-testid="recall-by-kind"')[1].split("</table>")[0]
        rows = recalls(viewer=senior, since=since)
        return rows, recalls_by_bundle(viewer=senior, since=since), metrics(timezone.now()), table

    before = told()
    everything = recalls(viewer=senior, since=since)[0]
    assert (everything.planted, everything.waiting, everything.people.total) == (6, 5, 0)
    assert (everything.found.right, everything.found.total) == (0, 1)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    row.refresh_from_db()
    assert row.result == "rejected"
    assert submission_overturn(submission_id=cleared.pk, result="rejected")
    assert told() == before
    tomorrow = recalls(viewer=senior, since=since, now=timezone.now() + TOMORROW)[0]
    assert (tomorrow.waiting, tomorrow.people.right, tomorrow.people.total) == (0, 3, 4)
    assert (tomorrow.found.right, tomorrow.found.total) == (4, 5)


def test_todays_are_shown_as_waiting_to_those_who_do_not_decide(
    measured: None, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    today = of_today(viewer=staff("ada", "admin"))
    assert today is not None
    assert (today.planted, today.answers) == (5, 3)
    assert of_today(viewer=staff("sam", "senior")) is None
    for name, role in (("rita", "auditor"), ("sue", "senior")):
        page = login(staff(name, role)).get("/planted/").text
        assert ('data-testid="planted-today"' in page) == (role == "auditor")
