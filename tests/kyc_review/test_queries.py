"""Every list costs the same number of queries, however many rows it shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.evidence.models import Likeness
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle, Shadow
from kyc_review.review.decisions import decision_record
from kyc_review.submissions.models import Submission
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from tests.factories.claims import item_claim_next
from tests.factories.reports import report
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db

API = ("snapshots", "runs", "comparisons", "bundles", "proposals", "promotions", "signals")
PAGES = (
    "/review/",
    "/review/quality/",
    "/review/campaigns/",
    "/insights/",
    "/insights/search/",
    "/insights/loop/",
    "/insights/audit/",
    "/retraining/",
    "/people/",
)


@pytest.fixture
def grow(
    staff: Callable[..., User],
    made_bundle: Callable[..., Path],
    serving: Bundle,
    enqueue: Callable[..., Any],
) -> Callable[[], None]:
    """grow() adds one of everything, by people of its own."""

    def make() -> None:
        number = User.objects.count()
        ada, amir = staff(f"ada-{number}", "admin"), staff(f"amir-{number}", "admin")
        reviewer, now = staff(f"alice-{number}", "reviewer"), timezone.now()
        snapshot = Snapshot.objects.create(
            name=f"snapshot-{number}",
            state=Snapshot.State.READY,
            digest="d" * 64,
            manifest_sha256=f"{number:064d}",
            ready_at=now,
            source_bundle=serving,
            created_by=ada,
        )
        bundle = bundle_register(path=made_bundle(f"v{number + 1}"), source="trained", actor=ada)
        ended: dict[str, Any] = {"snapshot": snapshot, "candidate": bundle, "created_by": ada}
        TrainingRun.objects.create(state="succeeded", init=serving, **ended)
        compared = Comparison.objects.create(state="succeeded", champion=serving, report=report(), **ended)
        decided: dict[str, Any] = {"state": "rejected", "decided_by": amir, "decided_at": now}
        Proposal.objects.create(
            comparison=compared, shift=0.0, gate=[], reason="x", proposed_by=ada, **decided
        )
        Shadow.objects.create(bundle=bundle, started_by=ada, ended_at=now)
        bundle_promote(bundle=bundle, actor=None)
        twin = enqueue(applicant_ref=f"person-{number}").submission
        if (
            earlier := Submission.objects.filter(applicant_ref__startswith="person-")
            .exclude(pk=twin.pk)
            .first()
        ):
            Likeness.objects.create(submission=twin, earlier=earlier, bits_apart=0, same_file=False)
        item = item_claim_next(reviewer=reviewer)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=reviewer, label="fake")
        enqueue()
        item_claim_next(reviewer=reviewer)

    return make


def test_more_rows_are_no_more_queries(grow: Callable[[], None], staff: Callable[..., User]) -> None:
    script = Script(staff("script", "admin"))
    people = [Client() for _ in range(2)]
    for client, role in zip(people, ("admin", "senior"), strict=True):
        client.force_login(staff(f"a-{role}", role))

    def costs() -> dict[str, int]:
        found = {}
        for name in API:
            with CaptureQueriesContext(connection) as queries:
                assert script.get(f"/{name}").status_code == 200
            found[name] = len(queries)
        for page in PAGES:
            for number, client in enumerate(people):
                with CaptureQueriesContext(connection) as queries:
                    assert client.get(page).status_code in (200, 403)
                found[f"{page} {number}"] = len(queries)
        return found

    grow()
    grow()
    costs()  # what a process asks once
    few = costs()
    for _ in range(4):
        grow()
    costs()  # whose outcomes were shown is noted once
    assert costs() == few
