from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.evidence import services, worker
from kyc_review.evidence.models import Evidence
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from tests.factories.bundles import tiny_bundle
from tests.kyc_review.review.conftest import claimed, enqueue, login  # noqa: F401  (fixtures)


@pytest.fixture
def fresh_worker(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    monkeypatch.setattr(worker, "_serving", None)
    settings.SCORING_DEVICE = "cpu"


@pytest.fixture
def champion(tmp_path: Path, db: None) -> Bundle:
    """A tiny bundle that serves."""
    tiny_bundle(tmp_path / "tiny-1", version="tiny-1")
    row = bundle_register(path=tmp_path / "tiny-1", source=Bundle.Source.TRAINED)
    bundle_promote(bundle=row)
    return row


@pytest.fixture
def examine(fresh_worker: None) -> Callable[[ReviewItem], Evidence]:
    """examine(item) lets the real worker compute the item's evidence."""

    def run(item: ReviewItem) -> Evidence:
        services.evidence_request([item.submission_id])
        worker.run_until_idle()
        return Evidence.objects.get(submission=item.submission)

    return run
