"""The page of a model as an admin sees it; pictures go to test-artifacts/models/."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.registry.bundles import baseline_install, bundle_register
from kyc_review.training.jobs import State, job_end, job_lease
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.proposals import proposal_approve, proposal_open
from kyc_review.training.runs import run_request
from tests.browser.screens import LOOKS, SIZES
from tests.factories.bundles import small_bundle
from tests.factories.decisions import frozen_snapshot
from tests.factories.reports import report

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "models"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trained(staff: Callable[..., User], tmp_path: Path) -> Comparison:
    """A candidate that a run made, compared, approved and in production."""
    snapshot, serving = frozen_snapshot(), baseline_install()
    run_request(snapshot=snapshot)
    run = job_lease(TrainingRun)
    assert run is not None
    run.progress.parent.mkdir(parents=True)
    lines = [
        {
            "member": member,
            "done": 12 * step,
            "of": 120,
            "loss": 0.7 * math.exp(-0.2 * step),
            "auc": 0.6 + 0.03 * step,
        }
        for member in ("north", "east")
        for step in range(1, 10)
    ]
    run.progress.write_text("".join(json.dumps(line) + "\n" for line in lines))
    candidate = bundle_register(path=small_bundle(tmp_path / "small"), source="trained")
    job_end(run, State.SUCCEEDED, candidate=candidate)
    row = Comparison.objects.create(
        snapshot=snapshot, champion=serving, candidate=candidate, state="succeeded", report=report()
    )
    proposal = proposal_open(
        comparison=row,
        actor=staff("amir", "admin"),
        reason="It catches more forged mouths.",
        override="The audit is small so far; watched.",
    )
    proposal_approve(proposal=proposal, actor=staff("aisha", "admin"), remark="Agreed.")
    return row


@LOOKS
def test_an_admin_reads_the_way_of_a_model_and_keeps_its_record(
    log_in: Callable[..., Page], staff: Callable[..., User], trained: Comparison, size: str, scheme: str
) -> None:
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto("/registry/")
    expect(page.get_by_role("row", name="baseline")).to_contain_text("Shipped baseline")
    page.get_by_role("link", name=trained.candidate.version, exact=True).click()
    strip = page.get_by_role("list", name="Lineage")
    expect(strip.get_by_role("listitem")).to_have_count(8)
    expect(strip).to_contain_text("amir and aisha")
    page.get_by_label("Owner").fill("Fraud models")
    page.get_by_label("Purpose").fill("Selfies of new customers; not documents.")
    page.get_by_label("Next review").fill("2027-06-01")
    page.get_by_label("Tags").fill("pilot eu")
    page.get_by_role("button", name="Save the record").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    page.get_by_role("textbox", name="Note").fill("Validated by Model risk.")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_role("region", name="Notes")).to_contain_text("Validated by Model risk.")
    page.screenshot(path=PICTURES / f"model-{size}-{scheme}.png", full_page=True)
    page.goto("/registry/")
    expect(page.get_by_role("row", name="small")).to_contain_text("Fraud models")
    page.screenshot(path=PICTURES / f"models-{size}-{scheme}.png", full_page=True)
