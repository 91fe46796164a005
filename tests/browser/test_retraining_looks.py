"""The retraining pages as an admin sees them; pictures go to test-artifacts/looks/."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.bundles import baseline_install, bundle_register
from kyc_review.training.jobs import job_lease
from kyc_review.training.models import Comparison, TrainingRun
from ml.balancing import balance_of
from tests.browser.screens import LOOKS, PICTURES, SIZES
from tests.factories.bundles import small_bundle
from tests.factories.decisions import frozen_snapshot
from tests.factories.reports import report

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ready() -> Snapshot:
    return frozen_snapshot()


def tell(run: TrainingRun) -> None:
    lines, done = [], 0
    for number, member in enumerate(("north", "east", "south")):
        for step in range(10 if number < 2 else 4):
            done += 12
            loss, auc = 0.7 * math.exp(-0.1 * step) + 0.03 * number, 0.6 + 0.02 * step - 0.02 * number
            lines.append({"phase": "train", "member": member, "done": done, "of": 480, "loss": loss})
            lines[-1] |= {"auc": auc, "eta_s": 150}
    run.progress.parent.mkdir(parents=True)
    run.progress.write_text("".join(json.dumps(line) + "\n" for line in lines))


@LOOKS
def test_an_admin_starts_a_run_watches_it_and_cancels_it(
    log_in: Callable[..., Page], staff: Callable[..., User], ready: Snapshot, size: str, scheme: str
) -> None:
    baseline_install()
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.get_by_role("link", name="Retraining").click()
    page.get_by_role("link", name="decisions-20261121", exact=True).first.click()
    facts = page.get_by_role("region", name="Before you train")
    expect(facts).to_contain_text("The gate needs 3 more audited ones")
    expect(facts).to_contain_text("1 picture was called both real and fake")
    page.screenshot(path=PICTURES / f"snapshot-facts-{size}-{scheme}.png")
    page.get_by_role("link", name="Train on it").click()
    expect(page.get_by_role("group").filter(has_text="Before you train on")).to_contain_text(
        "480 truly different"
    )
    page.screenshot(path=PICTURES / f"new-run-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("takes one run at a time")).to_be_visible()
    run = job_lease(TrainingRun)
    assert run is not None
    tell(run)
    expect(page.get_by_text("288 of 480 steps (60 %)")).to_be_visible()
    page.screenshot(path=PICTURES / f"run-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("Running, stopping")).to_be_visible()
    page.get_by_role("link", name="Retraining").first.click()
    page.screenshot(path=PICTURES / f"retraining-{size}-{scheme}.png", full_page=True)


@LOOKS
def test_an_ended_run_shows_what_each_voter_learned_from(
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    ready: Snapshot,
    tmp_path: Path,
    size: str,
    scheme: str,
) -> None:
    ways = ("pairs", "smote", "smote-under-focal", "under")
    named = zip(("north", "east", "south", "west"), ways, strict=True)
    told = [{"voter": name, "way": way, **asdict(balance_of(way, 165, 38))} for name, way in named]
    provenance = {"balanced": told}
    candidate = bundle_register(path=small_bundle(tmp_path / "small", provenance), source="trained")
    run = TrainingRun.objects.create(
        snapshot=ready,
        init=baseline_install(),
        state="succeeded",
        candidate=candidate,
        balance=",".join(ways),
    )
    tell(run)
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto(f"/retraining/runs/{run.pk}/")
    expect(page.get_by_role("row", name="north As many fakes as reals")).to_contain_text("50 %")
    phases = page.get_by_role("region", name="Phases")
    expect(phases.get_by_role("columnheader", name="Took")).to_be_visible()
    assert phases.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.screenshot(path=PICTURES / f"run-balances-{size}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_admins_promote_a_candidate(
    log_in: Callable[..., Page], staff: Callable[..., User], ready: Snapshot, tmp_path: Path, scheme: str
) -> None:
    serving = baseline_install()
    candidate = bundle_register(path=small_bundle(tmp_path / "small"), source="trained")
    Comparison.objects.create(
        snapshot=ready, champion=serving, candidate=candidate, state="succeeded", report=report()
    )
    ada = log_in(staff("ada", "admin"), viewport=SIZES["1440x900"], color_scheme=scheme)
    ada.goto("/retraining/")
    ada.get_by_role("tab", name="Comparisons").click()
    ada.get_by_role("link", name=re.compile(r"^Comparison \d+$")).click()
    ada.screenshot(path=PICTURES / f"comparison-{scheme}.png", full_page=True)
    slider, region = ada.get_by_role("slider"), ada.get_by_role("region", name="Operating point", exact=True)
    recall = region.get_by_role("row", name="Fakes that reach a person")
    expect(recall).to_contain_text("90 % (80 to 100)")
    for _ in range(5):
        slider.press("ArrowLeft")
    expect(recall).to_contain_text("94 % (84 to 100)")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^lowered by 0.5: 94 %"))
    expect(region.get_by_text("The gate and the proposal below are for: as trained.")).to_be_visible()
    region.screenshot(path=PICTURES / f"operating-point-{scheme}.png")
    region.get_by_role("button", name="Choose this point").click()
    expect(ada).to_have_url(re.compile(r"shift=-0\.5"))
    expect(ada.get_by_text("Approved thresholds: shifted by -0.5.")).to_be_visible()
    ada.go_back()
    ada.get_by_role("link", name="lowered by 1.0").click()
    expect(ada.get_by_label("Reason for override")).to_be_visible()
    ada.get_by_label("Reason for the promotion").fill("It catches more of last month's forgeries.")
    ada.get_by_label("Reason for override").fill("The load may rise while the wave lasts.")
    ada.get_by_role("button", name="Propose for promotion").click()
    expect(ada.get_by_text("Another admin must approve what you proposed.")).to_be_visible()
    amir = log_in(staff("amir", "admin"), viewport=SIZES["1440x900"], color_scheme=scheme)
    amir.goto("/review/")
    expect(amir.get_by_test_id("waiting-badge")).to_have_text("1 waiting for you")
    amir.goto("/retraining/")
    expect(amir.get_by_test_id("waiting")).to_contain_text("ada proposes small for production")
    amir.screenshot(path=PICTURES / f"proposal-{scheme}.png", full_page=True)
    amir.get_by_role("button", name="Approve and promote").click()
    expect(amir.get_by_text("Approved: workers use it")).to_be_visible()
    amir.get_by_label("Reason for the rollback").fill("Too many flags.")
    amir.get_by_role("button", name="Roll back").click()
    expect(amir.get_by_text(f"{serving.version} is in production again")).to_be_visible()


@LOOKS
def test_two_admins_change_the_gates_settings(
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    ready: Snapshot,
    tmp_path: Path,
    size: str,
    scheme: str,
) -> None:
    candidate = bundle_register(path=small_bundle(tmp_path / "small"), source="trained")
    row = Comparison.objects.create(
        snapshot=ready, champion=baseline_install(), candidate=candidate, state="succeeded", report=report()
    )
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto(f"/retraining/comparisons/{row.pk}/")
    expect(
        page.get_by_role("cell", name="worst").or_(page.get_by_role("rowheader", name="worst"))
    ).to_be_visible()
    page.get_by_role("link", name="Gate settings").click()
    page.get_by_label("Least recall").fill("0.99")
    page.get_by_label("Reason for the change").fill("The board decided on 2026-11-20.")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_test_id("gate-proposal")).to_contain_text("0.5 → 0.99")
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    page = log_in(staff("maya", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto("/retraining/gate/")
    pages = page.get_by_role("navigation", name="Main")
    assert pages.evaluate("bar => bar.scrollWidth <= bar.clientWidth")  # no entry of an admin is cut off
    page.screenshot(path=PICTURES / f"gate-proposal-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("row", name="The board decided")).to_contain_text("0.5 → 0.99")
    page.screenshot(path=PICTURES / f"gate-settings-{size}-{scheme}.png", full_page=True)
    page.goto(f"/retraining/comparisons/{row.pk}/")
    expect(page.get_by_label("Reason for override")).to_be_visible()
