"""The retraining pages as an admin sees them; pictures go to test-artifacts/looks/."""

import json
import math
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.retraining.bundles import baseline_install
from kyc_review.retraining.models import Snapshot, TrainingRun
from kyc_review.retraining.work import work_lease
from tests.browser.test_looks import PICTURES, SIZES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ready() -> Snapshot:
    return Snapshot.objects.create(
        name="decisions-20261121",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256="e" * 64,
        ready_at=timezone.now(),
        count_real=412,
        count_fake=96,
        size_bytes=81_000_000,
    )


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_an_admin_starts_a_run_watches_it_and_cancels_it(
    log_in: Callable[..., Page], staff: Callable[..., User], ready: Snapshot, size: str, scheme: str
) -> None:
    baseline_install()
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.get_by_role("link", name="Retraining").click()
    page.get_by_role("link", name="Train on decisions-20261121").click()
    page.screenshot(path=PICTURES / f"new-run-{size}-{scheme}.png")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("takes one run at a time")).to_be_visible()
    run = work_lease(TrainingRun)
    assert run is not None
    tell(run)
    expect(page.get_by_text("288 of 480 steps (60 %)")).to_be_visible()
    page.screenshot(path=PICTURES / f"run-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("Training, stopping")).to_be_visible()
    page.get_by_role("link", name="Retraining").first.click()
    page.screenshot(path=PICTURES / f"retraining-{size}-{scheme}.png", full_page=True)
