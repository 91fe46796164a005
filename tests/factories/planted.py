"""Planted forgeries, and the admins who switch planting on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kyc_review.accounts.models import User
from kyc_review.planting.changes import planting_approve, planting_propose
from kyc_review.planting.models import PlantingSettings, Sources
from kyc_review.review.models import PlantedForgery
from kyc_review.submissions.models import Submission
from tests.factories.portraits import portrait_bytes

WHY = "The board decided on 2026-11-20."
VALUES: dict[str, Any] = {
    "is_on": True,
    "sources": Sources.LICENSED,
    "rate": 0.2,
    "per_day_max": 20,
    "queue_max": 200,
}


def planting_on(*, by: User, approved_by: User, **values: Any) -> PlantingSettings:
    """Switched on by two admins."""
    proposal = planting_propose(values=VALUES | values, reason=WHY, actor=by)
    return planting_approve(proposal=proposal, actor=approved_by)


def licensed_folder(folder: Path, number: int = 3) -> Path:
    """Portraits in the public domain, as the folder of an installation."""
    folder.mkdir(exist_ok=True)
    for one in range(number):
        (folder / f"{one}.jpg").write_bytes(portrait_bytes(one))
    return folder


def planted(submit: Callable[..., Submission], kind: str = "swap/eyes/feather", **fields: Any) -> Submission:
    """A planted forgery, as the worker leaves it; its picture is no forgery."""
    source = fields.pop("source", None)
    row = submit(is_planted=True, **fields)
    PlantedForgery.objects.create(
        submission=row,
        source=source,
        picture_sha256="" if source else row.pk.hex.ljust(64, "0"),
        kind=kind,
        difficulty=0.5,
    )
    return row
