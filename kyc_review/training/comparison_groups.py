"""Which groups a submission belongs to, so that a comparison can say where a candidate is better and where worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import F, OuterRef, Subquery
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext_noop, override

from kyc_review.core.stored_texts import stored
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission

CHUNK = 1000
TEXT_MAX = 40
# Reports of comparisons keep these names and values.
SIDES = (
    (300, stored(gettext_noop("under 300 px"))),
    (600, stored(gettext_noop("300 to 599 px"))),
    (1200, stored(gettext_noop("600 to 1,199 px"))),
)
LARGE = stored(gettext_noop("1,200 px and more"))
SOURCE = stored(gettext_noop("Source"))
FORMAT = stored(gettext_noop("Format"))
SIDE = stored(gettext_noop("Shorter side"))
REASON = stored(gettext_noop("Reason"))
CAMERA = stored(gettext_noop("Camera"))
SOFTWARE = stored(gettext_noop("Software"))
with override("en"):
    for _reason in ReviewItem.Reason:
        stored(str(_reason.label))
NOT_NAMED = stored(gettext_noop("not named"))


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
    found = {SOURCE: row["source"], FORMAT: row["format"], SIDE: _side(row)}
    if row["reason"]:
        with override("en"):
            found[REASON] = str(ReviewItem.Reason(row["reason"]).label)
    if row["facts"]:
        found[CAMERA] = row["facts"].get("camera") or NOT_NAMED
        found[SOFTWARE] = (
            row["facts"].get("editor") or ", ".join(row["facts"].get("software", ())) or NOT_NAMED
        )
    if settings.COMPARISON_GROUP_FIELD and row["asked"] not in (None, ""):
        found[settings.COMPARISON_GROUP_FIELD] = str(row["asked"])
    return {name: value[:TEXT_MAX] for name, value in found.items()}


def _side(row: Mapping[str, Any]) -> str:
    shorter = min(row["width"], row["height"])
    return next((name for limit, name in SIDES if shorter < limit), LARGE)
