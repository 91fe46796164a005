"""Groups of submissions, and what reviewing costs at present."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.evidence.models import Evidence
from kyc_review.registry.models import Bundle
from kyc_review.retraining.comparison_presenter import present_comparison
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from kyc_review.training import worker
from kyc_review.training.comparison_groups import groups_of
from kyc_review.training.comparisons import comparison_request
from kyc_review.training.workload import Workload, workload
from tests.factories.reports import report

pytestmark = pytest.mark.django_db


def of(row: Submission) -> dict[str, str]:
    return dict(groups_of([str(row.pk)]))[str(row.pk)]


def test_a_decided_submission_has_its_source_reason_format_and_size(decide: Callable) -> None:
    row = decide("fake").submission
    Submission.objects.filter(pk=row.pk).update(width=1600, height=900)
    assert of(row) == {
        "Source": row.integration.slug,
        "Reason": "Votes disagree",
        "Format": "JPEG",
        "Shorter side": "600 to 1,199 px",
    }


def test_camera_and_software_come_from_the_evidence(submit: Callable[..., Submission]) -> None:
    row = submit()
    facts = {"metadata": {"camera": "Fold 3", "software": ["One", "Two"], "editor": ""}}
    Evidence.objects.update_or_create(
        submission=row, defaults={"state": "ready", "computed_at": timezone.now(), "facts": facts}
    )
    assert (of(row)["Camera"], of(row)["Software"]) == ("Fold 3", "One, Two")
    Evidence.objects.filter(submission=row).update(facts={"metadata": {"camera": "", "software": []}})
    assert (of(row)["Camera"], of(row)["Software"]) == ("not named", "not named")


def test_a_field_of_the_metadata_is_a_grouping_when_it_is_named(
    submit: Callable[..., Submission], settings: LazySettings
) -> None:
    row, other = submit(metadata={"age__band": "18-25"}), submit(metadata={"branch": 7})
    assert "age__band" not in of(row)
    settings.COMPARISON_GROUP_FIELD = "age__band"
    assert of(row)["age__band"] == "18-25"
    assert "age__band" not in of(other)
    settings.COMPARISON_GROUP_FIELD = "branch"
    assert of(other)["branch"] == "7"


def test_the_training_worker_hands_all_groups_over(
    decide: Callable, submit: Callable[..., Submission], serving: Bundle, registered: Callable
) -> None:
    frozen = decide("fake").submission
    asked = comparison_request(actor=None, snapshot=snapshot_create(name="first"), candidate=registered("v2"))
    asked.directory.mkdir(parents=True)
    arguments = worker.comparing(
        asked,
        snapshot=asked.snapshot.directory,
        champion=asked.champion.directory,
        candidate=asked.candidate.directory,
    )
    lines = (asked.directory / "groups.jsonl").read_text().splitlines()
    assert {json.loads(line)["submission"] for line in lines} == {str(frozen.pk)}
    assert arguments[arguments.index("--groups") + 1] == str(asked.directory / "groups.jsonl")


def test_the_workload_is_selfies_a_day_and_the_mean_time_of_an_item(
    decide: Callable, staff: Callable[..., User]
) -> None:
    for label in ("fake", "real", "real"):
        decide(label)
    Scoring.objects.filter(pk=Scoring.objects.earliest("pk").pk).update(
        scored_at=timezone.now() - timedelta(days=2)
    )
    found = workload(viewer=staff("ada", "admin"))
    assert found is not None
    assert found.selfies_a_day == pytest.approx(1.5, rel=0.01)
    assert found.seconds_an_item is not None


def test_without_traffic_or_without_the_role_there_is_no_workload(
    decide: Callable, staff: Callable[..., User]
) -> None:
    assert workload(viewer=staff("ada", "admin")) is None
    decide("fake")
    assert workload(viewer=staff("sam", "senior")) is None


def test_a_comparison_tells_the_cost_in_people_and_the_difference_of_each_group() -> None:
    found = present_comparison(report(), 0.0, Workload(selfies_a_day=1000, seconds_an_item=36))
    rows = {pair.name: pair for pair in found.pairs}
    assert found.sample.startswith("40 held-out fakes count like 20;")
    assert found.pairs[0].name == "Recall: of all fakes, reach a person"
    assert found.pairs[0].difference == "+15 points (+11 to +19)"
    assert rows["Unweighted: held-out fakes that reach a person"].difference == "+15 points (+11 to +19)"
    daily = rows["Items a day, at 1,000 selfies a day"]
    assert (daily.champion, daily.candidate, daily.difference) == (
        "300 (200 to 400)",
        "250 (150 to 350)",
        "-50",
    )
    assert rows["Reviewer hours a day, at 36 s an item"].candidate == "2.5 (1.5 to 3.5)"
    (source,) = found.parts
    assert found.parts_weighted
    assert source.fakes is not None
    assert source.fakes.difference == "+15 (+11 to +19)"
    assert [part.grouping for part in found.replay_parts] == ["Format"]


def test_groups_that_an_earlier_report_did_not_weigh_are_shown_unweighted() -> None:
    earlier = report()
    del earlier["holdout"]["weighted"]["groups"]
    found = present_comparison(earlier, 0.0)
    assert not found.parts_weighted
    source, audit = found.parts
    assert source.fakes is not None
    assert source.fakes.shares == "75 % → 90 %"
    assert (source.fakes.n, source.fakes.difference, source.fakes.clear) == (40, "+15 (+11 to +19)", True)
    assert audit.fakes is None


def test_a_report_of_before_groups_were_counted_is_still_shown() -> None:
    old = report()
    for part in (old["holdout"], old["replay"]):
        del part["groups"], part["difference"]
    del old["holdout"]["weighted"], old["replay"]["curve"]
    found = present_comparison(old, 0.0)
    assert found.sample == ""
    assert (found.parts, found.replay_parts, found.pairs[0].difference) == ([], [], "")
