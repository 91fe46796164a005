import errno
import io
import os
from collections.abc import Callable
from functools import partial

import pytest
from django.conf import LazySettings
from django.http import Http404
from django.http.response import HttpResponseBase
from PIL import Image

from kyc_review.evidence.derivatives import derivative_ensure
from kyc_review.evidence.models import Evidence
from kyc_review.evidence.responses import (
    derivative_response,
    picture_response,
    preview_response,
    reference_response,
    thumbnail_response,
)
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import PrivateStorage, derivatives, originals
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


def body(answer: HttpResponseBase) -> bytes:
    return answer.getvalue()


def rotated_jpeg_with_a_secret() -> bytes:
    """Stored 300 x 200, upright 200 x 300, with a name in its metadata."""
    image, exif = Image.linear_gradient("L").resize((300, 200)).convert("RGB"), Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Jane Doe"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_the_browser_gets_upright_pixels_without_metadata(submit: Submit) -> None:
    answer = derivative_response(submit(image=rotated_jpeg_with_a_secret()))
    data = body(answer)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("JPEG", (200, 300))
    assert b"Jane Doe" not in data
    assert not image.getexif()
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/jpeg", "private, no-store")


def test_a_derivative_is_made_once(submit: Submit) -> None:
    submission = submit()
    key = derivative_ensure(submission)
    originals.delete(submission.image_key)
    assert derivative_ensure(submission) == key
    assert derivatives.exists(key)


def test_a_preview_is_large_enough_to_judge_a_face_and_never_larger_than_the_picture(submit: Submit) -> None:
    sizes = []
    for size in ((1200, 900), (200, 100)):
        buffer = io.BytesIO()
        Image.new("RGB", size, "teal").save(buffer, "PNG")
        answer = preview_response(submit(image=buffer.getvalue()))
        sizes.append(Image.open(io.BytesIO(body(answer))).size)
    assert sizes == [(480, 360), (200, 100)]


def test_behind_a_proxy_the_file_is_handed_over_by_name(submit: Submit, settings: LazySettings) -> None:
    settings.ACCEL_REDIRECT_PREFIX = "/protected/"
    submission = submit()
    answer = derivative_response(submission)
    assert answer["X-Accel-Redirect"] == f"/protected/{submission.pk.hex[:2]}/{submission.pk.hex}.jpg"
    assert body(answer) == b""


def test_a_missing_original_is_not_found(submit: Submit) -> None:
    submission = submit()
    originals.delete(submission.image_key)
    with pytest.raises(Http404):
        derivative_response(submission)


def test_an_original_that_no_longer_decodes_says_why(submit: Submit) -> None:
    submission = submit()
    with open(originals.path(submission.image_key), "wb") as file:
        file.write(b"\xff\xd8\xff\xe0 damaged")
    answer = derivative_response(submission)
    assert 400 <= answer.status_code < 500
    assert body(answer)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("is_made", [False, True])
def test_a_picture_that_a_disk_cannot_give_now_is_asked_for_again(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, number: int, is_made: bool
) -> None:
    """Whether it is the original that cannot be read or what was made of it."""

    def fails(self: PrivateStorage, name: str, mode: str = "rb") -> None:
        raise OSError(number, os.strerror(number), self.path(name))

    row = submit(reference_image=jpeg_bytes(seed=7))
    evidence = Evidence(submission=row, pictures={"noise.png": "image/png"})
    shown = [derivative_response, thumbnail_response, preview_response]
    shown += [partial(reference_response, is_small=False), partial(reference_response, is_small=True)]
    if is_made:
        assert [respond(row).status_code for respond in shown] == [200] * 5
    with monkeypatch.context() as failing:
        failing.setattr(PrivateStorage, "_open", fails)
        for answer in [*(respond(row) for respond in shown), picture_response(evidence, "noise.png")]:
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert "storage" in body(answer).decode()
    assert [respond(row).status_code for respond in shown] == [200] * 5
