from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from detection import bundle as bundles
from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.pipeline.leases import lease_batch
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.retraining.bundles import bundle_promote, bundle_register
from kyc_review.retraining.models import Bundle, Comparison, Snapshot, TrainingRun
from kyc_review.retraining.runs import run_request
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.services import decision_record, item_claim_next
from tests.factories.checks import checks
from tests.kyc_review.retraining.reports import report
from tests.kyc_review.review.conftest import clear, login  # noqa: F401  (fixtures)


@pytest.fixture
def decide(submit: Callable, alice: User) -> Callable[..., Decision]:
    """decide("fake") takes one new submission the whole way: posted, flagged, claimed, decided by alice."""

    def make(label: str, **fields: object) -> Decision:
        row = submit(**fields)
        lease_batch(holder="test", limit=1)
        votes = [Vote(f"member-{i}", 0.8, 0.5) for i in range(4)] + [Vote("stack", 0.1, 0.5)]
        verdicts_record(
            holder="test",
            bundle_version="test-1",
            bundle_digest="d" * 64,
            scored={row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())},
        )
        item = item_claim_next(reviewer=alice)
        assert isinstance(item, ReviewItem)
        decision_record(item_id=item.pk, reviewer=alice, label=label)
        return Decision.objects.get(item=item)

    return make


@pytest.fixture
def made_bundle(tmp_path: Path) -> Callable[..., Path]:
    """made_bundle("v2") writes a bundle whose weights are short texts: the registry checks hashes, not networks."""

    def make(version: str = "v1", metrics: dict | None = None) -> Path:
        folder = tmp_path / "made" / version
        folder.mkdir(parents=True)
        members = []
        for name in ("one", "two", "three", "four"):
            (folder / f"{name}.safetensors").write_text(f"{version} {name}")
            view = bundles.View(side=64)
            members.append(bundles.Member(name, "convnext_atto", f"{name}.safetensors", "", view, 0.5))
        (folder / "stack.safetensors").write_text(f"{version} stack")
        (folder / bundles.MODEL_CARD).write_text(f"# {version}\n")
        bundles.write(
            folder,
            version=version,
            created_at="2026-11-21T00:00:00Z",
            members=members,
            stack=bundles.Stack("stack.safetensors", "", 0.5),
            provenance={"data": "none"},
            metrics=metrics if metrics is not None else {"auc": 0.75},
        )
        return folder

    return make


@pytest.fixture
def registered(db: None, made_bundle: Callable[..., Path]) -> Callable[..., Bundle]:
    def make(version: str = "v1") -> Bundle:
        return bundle_register(path=made_bundle(version), source="trained")

    return make


@pytest.fixture
def serving(made_bundle: Callable[..., Path]) -> Bundle:
    bundle = bundle_register(path=made_bundle(), source="baseline")
    bundle_promote(bundle=bundle)
    return bundle


@pytest.fixture
def ready(db: None) -> Snapshot:
    return Snapshot.objects.create(
        name="ready",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256="e" * 64,
        ready_at=timezone.now(),
        count_real=40,
        count_fake=40,
    )


@pytest.fixture
def candidate(serving: Bundle, made_bundle: Callable[..., Path]) -> Bundle:
    return bundle_register(path=made_bundle("v2"), source="trained")


@pytest.fixture
def comparison(serving: Bundle, candidate: Bundle, ready: Snapshot) -> Comparison:
    return Comparison.objects.create(
        snapshot=ready, champion=serving, candidate=candidate, state="succeeded", report=report()
    )


@pytest.fixture
def run(serving: Bundle, ready: Snapshot) -> TrainingRun:
    return run_request(snapshot=ready)
