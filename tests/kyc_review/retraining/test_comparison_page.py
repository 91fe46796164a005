"""The page of a comparison says what its figures are of, and the gate has three answers."""

import json
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.retraining.api.jobs import comparison_whole
from kyc_review.retraining.operating_points import present_points
from kyc_review.retraining.score_figures import HALF, differing_faces, histograms
from kyc_review.review.models import Decision
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_open
from kyc_review.training.workload import Workload
from tests.factories.decisions import snapshot_of
from tests.factories.reports import report, votes_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client, staff: Callable[..., User]) -> User:
    user = staff("ada", "admin")
    client.force_login(user)
    return user


def page(client: Client, comparison: Comparison) -> str:
    return client.get(reverse("retraining:comparison", args=[comparison.pk])).content.decode()


def answers(html: str) -> list[str]:
    return re.findall(r'<li class="(passed|failed|undecided)">', html)


def test_weighted_figures_come_first_and_the_sample_is_put_into_words(
    client: Client, ada: User, comparison: Comparison
) -> None:
    html = page(client, comparison)
    assert "40 held-out fakes count like 20" in html
    assert html.index("of all fakes, reach a person") < html.index(
        "Unweighted: held-out fakes that reach a person"
    )
    assert answers(html) == ["passed"] * 5


def test_too_few_audited_fakes_are_no_failure_and_no_pass(
    client: Client, ada: User, comparison: Comparison
) -> None:
    comparison.report = report(audited=2, half=0.3)
    comparison.save(update_fields=["report"])
    html = page(client, comparison)
    assert answers(html) == ["undecided", "undecided", "passed", "passed", "passed"]
    assert 'name="override"' in html


def test_a_comparison_from_before_the_weights_is_shown_and_decides_nothing(
    client: Client, ada: User, comparison: Comparison
) -> None:
    old = report()
    del old["holdout"]["weighted"], old["replay"]["curve"]
    comparison.report = old
    comparison.save(update_fields=["report"])
    html = page(client, comparison)
    assert answers(html) == ["undecided"]
    assert "Compare again" in html


def test_who_approves_sees_what_the_gate_said(client: Client, ada: User, comparison: Comparison) -> None:
    comparison.report = report(audited=2)
    comparison.save(update_fields=["report"])
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason="It is better.", override="More audits would take a month."
    )
    assert [check["answer"] for check in proposal.gate] == [
        "undecided",
        "passed",
        "passed",
        "passed",
        "passed",
    ]
    html = client.get(reverse("retraining:overview")).content.decode()
    assert answers(html) == ["undecided", "passed", "passed", "passed", "passed"]
    assert "40 held-out fakes count like 20" in html


def test_a_german_reader_sees_german_and_what_is_stored_or_read_by_machines_stays(
    client: Client, ada: User, comparison: Comparison
) -> None:
    User.objects.update(language="de")
    html = page(client, comparison)
    assert "Trefferquote mindestens 50 %: ja" in html
    assert "40 zurückgehaltene Fälschungen zählen wie 20" in html
    assert 'href="?shift=-0.5"' in html
    assert "gesenkt um 0,5" in html
    drawn = re.findall(r'\b(?:points|viewBox|d|cx|cy)="([^"]+)"', html)
    assert len(drawn) > 5
    assert not [place for numbers in drawn for place in re.findall(r"\d,\d+,", numbers)]
    assert all(re.fullmatch(r"[\d.]+", place) for place in re.findall(r'\bc[xy]="([^"]+)"', html))
    sent = {"reason": "Es ist besser.", "shift": "0"}
    client.post(reverse("retraining:proposals", args=[comparison.pk]), sent)
    stored = comparison.proposals.get()
    assert stored.gate[0]["name"] == "Enough audited fakes to say anything"
    assert "held-out fakes count like" in stored.gate[0]["detail"]


def test_every_operating_point_tells_its_cost_with_intervals_numbers_and_weights(
    client: Client, ada: User, comparison: Comparison
) -> None:
    points = present_points(report(), -0.5, Limits.of_environment(), Workload(1000, seconds_an_item=36))
    assert len(points.rows) == 61
    assert points.here.shift == -0.5
    told = {figure.key: figure for figure in points.figures}
    assert list(told) == ["recall", "missed", "false_alarm", "load", "daily_items", "daily_hours"]
    assert told["recall"].measured_on == "weighted, n = 40, counts like 20"
    assert told["false_alarm"].measured_on == "weighted, n = 200, counts like 100"
    assert told["recall"].champion == "75 % (65 to 85)"
    assert told["missed"].champion == "25 % (15 to 35)"
    assert told["load"].measured_on == "latest submissions as they came, n = 1,200"
    served = present_points(report(), 0.0, Limits.of_environment(), Workload(1000, seconds_an_item=36)).here
    assert served.texts["daily_hours"] == "2.5 (2.3 to 2.7)"
    shares = [float(row.recall_percent.split()[0]) for row in points.rows]
    assert shares == sorted(shares, reverse=True), "higher thresholds, fewer fakes"
    html = client.get(
        reverse("retraining:comparison", args=[comparison.pk]), {"shift": "-0.5"}
    ).content.decode()
    assert 'value="-0.5"' in html
    assert html.count('aria-current="true"') == 1
    assert "lowered by 0.5" in html


def test_risk_by_outcome_and_the_widest_differences_are_shown_to_those_who_may_see_faces(
    client: Client,
    ada: User,
    comparison: Comparison,
    staff: Callable[..., User],
    decide: Callable[..., Decision],
) -> None:
    comparison.snapshot = snapshot_of([decide("fake")], name="one-face")
    item = comparison.snapshot.items.get()
    gone = "00000000-0000-4000-8000-000000000000"
    found = report()
    found["holdout"]["widest_differences"] = [
        votes_on(str(item.decision.submission_id), "fake", 0.1, 0.9),
        votes_on(gone, "real", 0.6, 0.2),
    ]
    comparison.report = found
    comparison.save()
    faces = differing_faces(viewer=ada, snapshot=comparison.snapshot, report=found)
    assert [(face.label, face.has_picture) for face in faces] == [("fake", True)], "the other was erased"
    assert [said.outcome for said in faces[0].said] == ["cleared", "all five call fake"]
    senior = differing_faces(viewer=staff("sam", "senior"), snapshot=comparison.snapshot, report=found)
    assert [face.has_picture for face in senior] == [False]
    html = page(client, comparison)
    shown = reverse("retraining:blurred", args=[comparison.snapshot.name, item.decision.submission_id])
    assert html.count(shown) == 1
    assert client.get(shown)["Content-Type"] == "image/png"
    assert gone not in html
    assert gone not in json.dumps(comparison_whole(comparison, shift=0.0), default=str)
    champion, candidate = histograms(found)
    assert (champion.fakes, sum(bar.fakes for bar in champion.bars)) == (40, 40)
    bars = [*champion.bars, *candidate.bars]
    assert max(max(bar.up, bar.down) for bar in bars) == HALF, "the largest share has the whole height"
    del found["holdout"]["risk"], found["holdout"]["widest_differences"]
    assert histograms(found) == []
    assert differing_faces(viewer=ada, snapshot=comparison.snapshot, report=found) == []
