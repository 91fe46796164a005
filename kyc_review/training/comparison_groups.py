"""Which groups a submission belongs to, so that a comparison can say where a candidate is better and where worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import F, OuterRef, Subquery
from django.db.models.fields.json import KeyTransform

from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission

CHUNK = 1000
TEXT_MAX = 40
SIDES = ((300, "under 300 px"), (600, "300 to 599 px"), (1200, "600 to 1,199 px"))
REASON = "Reason"


def groups_of(submissions: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(submission, the value of each grouping that it has): source, reason, format, size, and camera and software
    where evidence was computed, and what the onboarding system said in the field COMPARISON_GROUP_FIELD."""
    decided = ReviewItem.objects.filter(submission=OuterRef("pk"), state=ReviewItem.State.DECIDED)
    rows = Submission.objects.annotate(
        source=F("integration__slug"),
        reason=Subquery(decided.exclude(reason=ReviewItem.Reason.GOLD).order_by("-pk").values("reason")[:1]),
        facts=F("evidence__facts__metadata"),
        asked=KeyTransform(settings.COMPARISON_GROUP_FIELD, "metadata"),
    ).values("pk", "source", "reason", "format", "width", "height", "facts", "asked")
    left = iter(submissions)
    while chunk := list(islice(left, CHUNK)):
        for row in rows.filter(pk__in=chunk):
            yield str(row["pk"]), _groups(row)


def _groups(row: Mapping[str, Any]) -> dict[str, str]:
    found = {"Source": row["source"], "Format": row["format"], "Shorter side": _side(row)}
    if row["reason"]:
        found[REASON] = str(ReviewItem.Reason(row["reason"]).label)
    if row["facts"]:
        found["Camera"] = row["facts"].get("camera") or "not named"
        found["Software"] = (
            row["facts"].get("editor") or ", ".join(row["facts"].get("software", ())) or "not named"
        )
    if settings.COMPARISON_GROUP_FIELD and row["asked"] not in (None, ""):
        found[settings.COMPARISON_GROUP_FIELD] = str(row["asked"])
    return {name: value[:TEXT_MAX] for name, value in found.items()}


def _side(row: Mapping[str, Any]) -> str:
    shorter = min(row["width"], row["height"])
    return next((name for limit, name in SIDES if shorter < limit), "1,200 px and more")
