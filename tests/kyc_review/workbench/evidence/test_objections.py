"""What the forensics say against a view is shown in the reader's language."""

import io
from typing import Any

import pytest
from django.utils import translation
from PIL import Image

from detection.forensics.dossier import ela_objection
from kyc_review.core.stored_texts import shown
from kyc_review.workbench.evidence import objections


@pytest.mark.parametrize(
    ("is_jpeg", "compression"),
    [
        (False, None),
        (True, {"quality": 20, "earlier_quality": None}),
        (True, {"quality": 95, "earlier_quality": 70}),
    ],
)
def test_every_objection_has_a_german_text(is_jpeg: bool, compression: dict[str, Any] | None) -> None:
    assert objections.TOO_LARGE
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG" if is_jpeg else "PNG")
    said = ela_objection(file.getvalue(), compression)
    with translation.override("de"):
        assert shown(said) not in ("", said)
