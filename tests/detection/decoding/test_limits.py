"""One place says how many pixels an upload and a decoded picture may have."""

import zlib
from collections.abc import Iterator

import pytest

from detection import decoding
from detection.decoding import ImageRefused, decode, inspect, limits
from tests.factories.image_files import face, png, saved


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_limits", limits.current())
    yield
    decoding.close()


def test_what_was_accepted_is_decoded_after_the_limit_on_uploads_was_lowered() -> None:
    data = saved(face(640, 960), "JPEG")
    assert inspect(data).width == 640
    limits.configure(max_pixels=100_000)
    with pytest.raises(ImageRefused) as refused:
        inspect(data)
    assert refused.value.code == "too_many_pixels"
    assert decode(data).size == (640, 960)


def test_more_than_any_installation_may_accept_is_not_decoded() -> None:
    with pytest.raises(ImageRefused) as refused:
        decode(png(14_200, 14_200, rows=zlib.compress(b"")))
    assert refused.value.code == "too_many_pixels"


def test_no_installation_accepts_what_is_never_decoded() -> None:
    limits.configure(max_pixels=limits.MAX_PIXELS_EVER)
    with pytest.raises(ValueError, match="200000001 pixels: expected at most 200000000"):
        limits.configure(max_pixels=limits.MAX_PIXELS_EVER + 1)
    assert limits.current().max_pixels == limits.MAX_PIXELS_EVER
