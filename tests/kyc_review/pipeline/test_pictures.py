"""Pictures of every kind through the real worker: nothing without one usable face is cleared.

The bundle calls everything real, so that nothing but the checks stands between a picture and its clearance.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from kyc_review.pipeline import worker
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import CheckResult, Scoring
from kyc_review.submissions.check_policy import policy_read
from kyc_review.submissions.models import Result, State, Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import jpeg, portrait, portrait_bytes, two_faces

pytestmark = pytest.mark.django_db
SIDE = 480


@pytest.fixture(autouse=True)
def calls_everything_real(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"
    tiny_bundle(tmp_path / "tiny", threshold=0.9999)
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED))


def flat(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), colour)


def noise(seed: int) -> Image.Image:
    return Image.frombytes("RGB", (SIDE, SIDE), random.Random(seed).randbytes(SIDE * SIDE * 3))


def landscape() -> Image.Image:
    image = Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.polygon(
        [(0, 400), (120, 220), (260, 380), (360, 250), (480, 400), (480, 480), (0, 480)], "darkgreen"
    )
    draw.ellipse([360, 40, 420, 100], "yellow")
    return image


def written_page() -> Image.Image:
    image = flat((250, 250, 250))
    draw = ImageDraw.Draw(image)
    for line in range(20):
        draw.text((20, 10 + line * 22), f"Line {line} of a letter that someone photographed", "black")
    return image


def hand_over_the_lens(seed: int) -> Image.Image:
    """Skin without a shape: red, dim and soft."""
    grain = noise(seed).convert("L").filter(ImageFilter.GaussianBlur(30))
    return Image.merge("RGB", [grain.point(lambda v, k=k: min(255, int(v * k))) for k in (1.2, 0.6, 0.45)])


WITHOUT_A_FACE: dict[str, Callable[[], Image.Image]] = {
    "white": lambda: flat((255, 255, 255)),
    "black": lambda: flat((0, 0, 0)),
    "grey": lambda: flat((120, 130, 140)),
    "skin": lambda: flat((224, 172, 140)),
    "gradient": lambda: Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB"),
    "radial gradient": lambda: Image.radial_gradient("L").resize((SIDE, SIDE)).convert("RGB"),
    "noise": lambda: noise(1),
    "soft noise": lambda: noise(2).filter(ImageFilter.GaussianBlur(6)),
    "mandelbrot": lambda: Image.effect_mandelbrot((SIDE, SIDE), (-3, -2.5, 2, 2.5), 100).convert("RGB"),
    "landscape": landscape,
    "page of text": written_page,
    "hand over the lens": lambda: hand_over_the_lens(3),
    "jacket": lambda: portrait(0).crop((0, 200, 225, 275)).resize((450, 150)),
}
UNUSABLE: dict[str, Callable[[], Image.Image]] = {
    "two people": two_faces,
    "a face of 40 pixels": lambda: portrait(1).resize((40, 49)),
    "a small face in a large picture": lambda: _pasted(portrait(2).resize((45, 55)), (900, 900)),
    "a face upside down": lambda: portrait(3).transpose(Image.Transpose.ROTATE_180),
    "a face in the dark": lambda: ImageEnhance.Brightness(portrait(4)).enhance(0.04),
    "a face out of focus": lambda: portrait(5).filter(ImageFilter.GaussianBlur(8)),
    "half a face": lambda: portrait(6).crop((110, 0, 225, 275)),
}


def _pasted(small: Image.Image, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, (90, 110, 120))
    image.paste(small, (size[0] // 3, size[1] // 3))
    return image


def outcome(submit: Callable[..., Submission], data: bytes) -> Submission:
    row = submit(image=data)
    assert worker.run_until_idle() == 1
    row.refresh_from_db()
    return row


def test_a_usable_portrait_is_cleared_by_this_bundle(submit: Callable[..., Submission]) -> None:
    row = outcome(submit, portrait_bytes(0))
    assert (row.state, row.result) == (State.COMPLETED, Result.CLEAR)
    assert set(CheckResult.objects.values_list("status", flat=True)) == {"pass"}


@pytest.mark.parametrize("name", WITHOUT_A_FACE)
def test_a_picture_without_a_face_is_never_cleared(submit: Callable[..., Submission], name: str) -> None:
    row = outcome(submit, jpeg(WITHOUT_A_FACE[name]()))
    assert row.result != Result.CLEAR
    assert CheckResult.objects.get(name="face_found").status != "pass"
    if row.result == Result.RESUBMIT:
        assert row.result_reason in ("blank", "too_dark", "too_bright", "no_face")
        assert not Scoring.objects.exists()
    else:
        assert ReviewItem.objects.get().reason == ReviewItem.Reason.CHECKS


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_picture_without_one_usable_face_is_never_cleared(
    submit: Callable[..., Submission], name: str
) -> None:
    row = outcome(submit, jpeg(UNUSABLE[name]()))
    assert row.result != Result.CLEAR
    assert CheckResult.objects.exclude(status="pass").exists()


def test_two_people_are_sent_back_with_the_reason(submit: Callable[..., Submission]) -> None:
    row = outcome(submit, jpeg(two_faces()))
    assert (row.result, row.result_reason) == (Result.RESUBMIT, "several_faces")


def test_a_portrait_that_is_cut_short_is_accepted_and_goes_to_a_person(
    submit: Callable[..., Submission],
) -> None:
    data = portrait_bytes(0)
    row = outcome(submit, data[: len(data) * 3 // 4] + b"\xff\xd9")
    assert (row.state, ReviewItem.objects.get().reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert CheckResult.objects.get(name="intact").code == "damaged"


def test_unknown_data_behind_a_portrait_goes_to_a_person(submit: Callable[..., Submission]) -> None:
    row = outcome(submit, portrait_bytes(0) + b"PK\x03\x04" + bytes(range(256)) * 8)
    assert (row.state, ReviewItem.objects.get().reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert CheckResult.objects.get(name="intact").code == "trailing_data"


def test_a_detector_that_fails_clears_nothing(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the model file is gone")

    monkeypatch.setattr("detection.faces.mediapipe.MediaPipeDetector.find", broken)
    row = outcome(submit, portrait_bytes(0))
    assert (row.state, ReviewItem.objects.get().reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert CheckResult.objects.get(name="face_found").code == "check_failed"


def test_members_that_look_at_the_face_are_not_asked_about_a_picture_without_one(
    submit: Callable[..., Submission], settings: LazySettings, tmp_path: Path
) -> None:
    tiny_bundle(tmp_path / "faces", version="faces", threshold=0.9999, frame="face")
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "faces", source=Bundle.Source.TRAINED))
    settings.CHECK_POLICY = policy_read(["face_found:fail=review"])
    row = outcome(submit, jpeg(landscape()))
    assert (row.state, ReviewItem.objects.get().reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert not Scoring.objects.exists()
    assert outcome(submit, portrait_bytes(1)).result == Result.CLEAR
