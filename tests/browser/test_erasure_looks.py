"""Erasing a submission as an admin does it, and what the loop says afterwards; pictures go to test-artifacts/looks/."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.registry.models import Bundle
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.training.models import Comparison, MeanFaces
from ml.mean_faces import mean_faces
from ml.sources import Photo
from tests.browser.screens import PICTURES, SIZES
from tests.factories.claims import item_claim_next
from tests.factories.people import PASSWORD
from tests.factories.reports import report

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.mark.parametrize(("size", "scheme"), [("1440x900", "light"), ("1280x720", "dark")])
def test_an_admin_erases_a_submission_and_reads_what_is_marked(
    enqueue: Callable[..., ReviewItem],
    serving: Bundle,
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    alice: User,
    size: str,
    scheme: str,
) -> None:
    items = [enqueue("split_vote", 0.4, applicant_ref=f"person-{number}") for number in range(4)]
    for label in ("fake", "real", "real", "fake"):
        held = item_claim_next(reviewer=alice)
        assert held is not None
        decision_record(item_id=held.pk, reviewer=alice, label=label, note="The left eye.")
    snapshot = snapshot_create(name="first")
    means = MeanFaces.objects.create(snapshot=snapshot)
    files = sorted(SAMPLES.glob("*.jpg"))
    rows = [Photo(path, path.name, "mobile-app", path.name, "real") for path in files]
    rows += [Photo(path, path.name, "mobile-app", path.name, "fake") for path in files[:4]]
    means.cells, means.state = mean_faces(rows, means.output), "succeeded"
    means.save()
    candidate = Bundle.objects.create(
        digest="1" * 64,
        version="candidate-20261121",
        source="trained",
        provenance={"snapshot_sha256": snapshot.manifest_sha256},
    )
    comparison = Comparison.objects.create(
        snapshot=snapshot, champion=serving, candidate=candidate, state="succeeded", report=report()
    )
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto("/retraining/snapshots/first/")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"means-{size}-{scheme}.png", full_page=True)
    page.goto(f"/insights/submissions/{items[0].submission_id}/")
    page.get_by_text("Delete the picture and all references to the applicant").click()
    page.get_by_label("Why?").fill("Asked for by the applicant, letter of 20 November.")
    page.get_by_label("I understand that this cannot be undone.").check()
    page.screenshot(path=PICTURES / f"erase-{size}-{scheme}.png", full_page=True)
    page.locator("#erase-password").fill(PASSWORD)
    page.get_by_role("button", name="Erase permanently").click()
    expect(page.get_by_role("heading", name="Erased submission")).to_be_visible()
    page.screenshot(path=PICTURES / f"erased-{size}-{scheme}.png", full_page=True)
    for name, path in (
        ("new-snapshot", "/retraining/new-snapshot/?reasons=split_vote"),
        ("marked-snapshot", "/retraining/snapshots/first/"),
        ("marked-retraining", "/retraining/"),
        ("marked-comparison", f"/retraining/comparisons/{comparison.pk}/"),
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if name.startswith("marked"):
            expect(page.get_by_text("1 erased").first).to_be_visible()
        page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), name
    senior = log_in(staff("sara", "senior"), viewport=SIZES[size], color_scheme=scheme)
    senior.goto(f"/review/items/{items[0].pk}/")
    expect(senior.get_by_text("the picture and its evidence are deleted")).to_be_visible()
    senior.screenshot(path=PICTURES / f"erased-item-{size}-{scheme}.png")
