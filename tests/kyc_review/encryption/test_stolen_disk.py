"""A disk without the key-encryption key shows no face, after everything that stores pictures has stored them."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from PIL import Image, ImageOps

from encrypted_files import keyring
from kyc_review.accounts.models import User
from kyc_review.datasets.snapshot_export import zip_stream
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.datasets.snapshots import snapshot_create, snapshot_export, snapshot_verify
from kyc_review.evidence import responses
from kyc_review.evidence.models import Evidence
from kyc_review.pipeline import worker
from kyc_review.registry.bundles import bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import State, Submission
from kyc_review.training import worker as training_worker
from kyc_review.training.keyrings import keyring_for
from kyc_review.training.models import Comparison, MeanFaces
from ml.mean_faces import LEAST_PEOPLE
from tests.factories.bundles import tiny_bundle
from tests.factories.claims import item_claim_next
from tests.factories.phone_files import heic
from tests.factories.portraits import GENUINE, portrait
from tests.factories.stolen_disk import pictures_in

pytestmark = pytest.mark.django_db


def in_format(name: str, number: int) -> bytes:
    """A small portrait; the first twice eight are different pictures."""
    face = portrait(number).resize((240, 300))
    face = ImageOps.mirror(face) if number >= len(GENUINE) else face
    if name == "HEIC":
        return heic(face)
    buffer = io.BytesIO()
    face.save(buffer, name)
    return buffer.getvalue()


@pytest.fixture
def decided(
    champion: Bundle,
    submit: Callable[..., Submission],
    examine: Callable[[ReviewItem], Evidence],
    alice: User,
    settings: LazySettings,
) -> Callable[[int], list[Submission]]:
    """decided(n): n people posted a selfie, the first with a reference image; it was scored, examined, looked at and
    decided."""

    def run(number: int) -> list[Submission]:
        formats = ["JPEG", "PNG", "WEBP", "HEIC"]
        rows = [
            submit(
                image=in_format(formats[n % 4], n),
                applicant_ref=f"p-{n}",
                **({} if n else {"reference_image": in_format("PNG", 15)}),
            )
            for n in range(number)
        ]
        worker.run_until_idle()
        left = [row.pk for row in rows if not ReviewItem.objects.filter(submission=row).exists()]
        Submission.objects.filter(pk__in=left).update(state=State.IN_REVIEW)
        items_open([(pk, "split_vote", 0.5) for pk in left])
        first = ReviewItem.objects.get(submission=rows[0])
        assert examine(first).state == Evidence.State.READY
        for answer in (
            responses.derivative_response(rows[0]),
            responses.preview_response(rows[0]),
            responses.reference_response(rows[0], is_small=True),
        ):
            with Image.open(io.BytesIO(answer.getvalue())) as shown:
                shown.load()
        while item := item_claim_next(reviewer=alice):
            decision_record(item_id=item.pk, reviewer=alice, label="real")
        return rows

    return run


def test_without_encryption_the_search_finds_pictures(
    decided: Callable[[int], list[Submission]], private_data: Path
) -> None:
    decided(4)
    snapshot_create(name="first")
    found = pictures_in(private_data)
    for folder, number in (("originals", 5), ("derivatives", 5), ("snapshots", 4)):
        assert sum(f"/{folder}/" in one for one in found) >= number


def test_a_stolen_disk_shows_no_face(
    key_file: Path,
    decided: Callable[[int], list[Submission]],
    private_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = decided(LEAST_PEOPLE)
    snapshot = snapshot_create(name="first")
    training_worker.run_due_jobs()
    means = MeanFaces.objects.get(snapshot=snapshot)
    (cell,) = means.cells
    assert cell["file"]
    assert pictures_in(private_data) == []
    assert not list(private_data.rglob("keyring"))

    # All of it is there for those who have the key.
    assert snapshot_verify(snapshot=snapshot) == len(rows)
    with (means.output / cell["file"]).open("rb") as file:
        picture = b"".join(SnapshotPictures.of(snapshot).pieces(file, f"means/{cell['file']}"))
    with Image.open(io.BytesIO(picture)) as mean:
        mean.load()
    elsewhere = tmp_path_factory.mktemp("taken out")
    exported = snapshot_export(snapshot=snapshot, folder=elsewhere)
    assert len(pictures_in(exported)) >= len(rows)
    (elsewhere / "zip").write_bytes(b"".join(zip_stream(snapshot)))
    assert len([one for one in pictures_in(elsewhere) if "/zip at" in one]) >= len(rows)


def test_a_comparison_gets_the_keys_of_what_it_replays(
    key_file: Path, decided: Callable[[int], list[Submission]], champion: Bundle, private_data: Path
) -> None:
    rows = decided(2)
    tiny_bundle(private_data / "other", version="tiny-2", seed=2)
    other = bundle_register(path=private_data / "other", source="trained")
    job = Comparison.objects.create(
        snapshot=snapshot_create(name="first"), champion=champion, candidate=other
    )
    job.directory.mkdir(parents=True)
    training_worker.comparing(
        job, snapshot=job.snapshot.directory, champion=champion.directory, candidate=other.directory
    )
    with keyring_for(job, job.snapshot.directory) as given, pytest.MonkeyPatch.context() as patch:
        for name, text in given.items():
            patch.setenv(name, text)
        keyring._given.cache_clear()
        paths = [line.split(" ", 1)[1] for line in job.replay.read_text().splitlines()]
        read = {keyring.read_bytes(Path(path)) for path in paths}
        assert read == {in_format("JPEG", 0), in_format("PNG", 1)}
        assert len(rows) == len(paths)
    keyring._given.cache_clear()
