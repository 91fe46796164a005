"""A scoring worker on a machine that has no bundle: it loads the champion from the storage, or scores nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from detection.bundle import BundleRefused
from kyc_review.pipeline import champion, worker
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import State, Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def promoted(in_bucket: dict[str, Storage], machine: Callable[[str], Path], tmp_path: Path) -> Bundle:
    machine("trainer")
    tiny_bundle(tmp_path / "tiny", version="tiny-1")
    row = bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=row)
    return row


@pytest.fixture
def restart(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings, machine: Callable[[str], Path]
) -> Callable[[str], Path]:
    """restart(name) makes this process a scoring worker of that machine that has just started."""
    settings.SCORING_DEVICE, settings.SCORING_THREADS = "cpu", 1

    def start(name: str) -> Path:
        monkeypatch.setattr(champion, "_loaded", None)
        return machine(name)

    return start


def test_a_worker_with_an_empty_disk_copies_the_champion_once_and_scores(
    promoted: Bundle,
    in_bucket: dict[str, Storage],
    restart: Callable[[str], Path],
    submit: Callable[..., Submission],
) -> None:
    submit(image=portrait_bytes(1))
    scorer = restart("scorer")
    assert worker.run_until_idle() == 1
    assert Scoring.objects.get().bundle_digest == promoted.digest
    copy = scorer / "copies" / "bundles" / promoted.digest
    assert (copy / "stack.safetensors").is_file()
    for name in in_bucket["bundles"].listdir(promoted.digest)[1]:
        in_bucket["bundles"].delete(f"{promoted.digest}/{name}")
    restart("scorer")
    submit(image=portrait_bytes(2))
    assert worker.run_until_idle() == 1, "its copy serves after a restart"


def test_a_damaged_champion_scores_nothing_and_says_which_file(
    promoted: Bundle,
    in_bucket: dict[str, Storage],
    restart: Callable[[str], Path],
    submit: Callable[..., Submission],
) -> None:
    key = f"{promoted.digest}/member-1.safetensors"
    whole = in_bucket["bundles"].open(key).read()
    in_bucket["bundles"].save(key, ContentFile(whole[:-1] + bytes([whole[-1] ^ 1])))
    row = submit(image=portrait_bytes(1))
    restart("scorer")
    with pytest.raises(BundleRefused, match=r"member-1\.safetensors"):
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts, Scoring.objects.exists()) == (State.RECEIVED, 0, False)
    in_bucket["bundles"].save(key, ContentFile(whole))
    assert worker.run_until_idle() == 1, "as soon as it is restored"
