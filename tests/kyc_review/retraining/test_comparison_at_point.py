"""The page of a comparison has one set of figures: those at the chosen operating point, the same as the gate's."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle
from kyc_review.retraining.comparison_presenter import present_comparison
from kyc_review.retraining.presenters import percent
from kyc_review.training.gate import point_at
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_approve, proposal_open
from tests.factories.reports import report, with_points

SHIFT = 0.3
NUMBER = 33  # of that shift among -3.0, -2.9, ...


@pytest.fixture
def at_point() -> dict[str, Any]:
    return with_points(report())


def test_every_figure_of_the_candidate_is_at_the_chosen_point(at_point: dict[str, Any]) -> None:
    shown = present_comparison(at_point, SHIFT)
    point = point_at(at_point["holdout"]["weighted"]["points"], SHIFT)
    load = at_point["replay"]["curve"][NUMBER]["load"]
    cells = [pair.candidate for pair in shown.pairs]
    assert cells[0] == percent(point["recall"])
    assert cells[2] == percent(point["false_alarm"])
    assert cells[3] == percent(load)
    assert shown.pairs[2].span is not None
    trained = present_comparison(at_point, 0.0)
    assert [pair.champion for pair in shown.pairs[:4]] == [pair.champion for pair in trained.pairs[:4]]
    assert not {pair.candidate for pair in shown.pairs[:4]} & {pair.candidate for pair in trained.pairs[:4]}
    assert [change.count for change in shown.changes] == [133] * 4 + [233, 300]
    (group,) = shown.parts
    assert group.fakes is not None
    assert group.fakes.shares == "75 % → 57 %"
    assert (shown.changes_as_trained, shown.parts_as_trained, shown.replay_parts_as_trained) == (False,) * 3


def test_what_an_older_report_has_as_trained_only_is_marked(at_point: dict[str, Any]) -> None:
    shown = present_comparison(report(), SHIFT)
    assert (shown.changes_as_trained, shown.parts_as_trained, shown.replay_parts_as_trained) == (True,) * 3
    assert [change.count for change in shown.changes] == [7, 1, 14, 4, 25, 85]
    assert shown.pairs[0].candidate == present_comparison(at_point, SHIFT).pairs[0].candidate
    assert shown.pairs[2].difference == ""
    trained = present_comparison(report(), 0.0)
    assert (trained.changes_as_trained, trained.parts_as_trained, trained.replay_parts_as_trained) == (
        False,
    ) * 3


def test_groups_have_the_intervals_of_the_gate_at_every_point(at_point: dict[str, Any]) -> None:
    """A wide interval of the search includes zero where the narrow one of the group alone did not."""
    row = at_point["holdout"]["weighted"]["groups"][0]["fakes"]
    row["difference"] = {"value": 0.15, "low": 0.05, "high": 0.25, "n": 40}
    row["points"]["difference"][30] = [0.15, -0.02, 0.3]
    found = present_comparison(at_point, 0.0).parts[0].fakes
    assert found is not None
    assert (found.clear, found.span.low) == (False, -2.0)
    row["points"]["difference"][30] = [0.15, 0.02, 0.3]
    row["searched"] = False
    found = present_comparison(at_point, 0.0).parts[0].fakes
    assert found is not None
    assert not found.clear, "too few faces for the gate are not shown as clear either"


@pytest.mark.django_db
def test_the_pages_name_the_operating_point(
    comparison: Comparison,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    at_point: dict[str, Any],
) -> None:
    ada = staff("ada", "admin")
    Comparison.objects.update(report=at_point)
    comparison.refresh_from_db()
    browser = login(ada)
    page = browser.get(f"/retraining/comparisons/{comparison.pk}/?shift=-0.3").content.decode()
    assert "thresholds lowered by 0.3" in page
    assert "as-trained" not in page
    assert "200 held-out real faces count like 100." in page
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It is better.", shift=-0.3)
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"))
    alarms = percent(point_at(at_point["holdout"]["weighted"]["points"], -0.3)["false_alarm"])
    for path in ("/retraining/", reverse("registry:model", args=[comparison.candidate.digest])):
        page = " ".join(browser.get(path).content.decode().split())
        assert "At the operating point in production, thresholds lowered by 0.3" in page, path
        assert alarms in page, path
    assert "By group at its operating point in production, thresholds lowered by 0.3." in page
    assert "75 % → 63 %" in page


@pytest.mark.django_db
def test_a_champion_that_was_promoted_at_a_point_without_figures_is_not_given_others(
    serving: Bundle, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    bundle_promote(actor=None, bundle=serving, shift=0.3)
    page = " ".join(login(staff("ada", "admin")).get("/retraining/").content.decode().split())
    assert "In production: thresholds raised by 0.3, which no comparison has measured" in page
