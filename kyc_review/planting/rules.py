"""Whether a forgery may be planted now, and of which picture."""

from __future__ import annotations

import datetime as dt
import random
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.core.db.clock import database_now
from kyc_review.core.permissions import ROLES_WITH, Right
from kyc_review.planting.changes import planting_now
from kyc_review.planting.models import PlantingSettings, Sources
from kyc_review.review.models import (
    WAITING_STATES,
    AuditDraw,
    Decision,
    Gold,
    OutcomeExposure,
    PlantedForgery,
    ReviewItem,
)
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.models import LateOutcome, Result, ResultReason, State, Submission

dice = random.Random(secrets.randbits(64))  # noqa: S311  (unpredictable to people, which is all it has to be)
CHANCE = 0.3  # of each minute in which one may be planted, so that none follows a submission by a fixed time
SOURCES_READ = 300
REVIEWERS_LEFT = 2  # who do not know the source: one to judge, and one for a second review
FORMATS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}
PLAIN: dict[str, object] = {"trailing": [], "damage": None}  # of file_facts


@dataclass(frozen=True, slots=True)
class Source:
    """What is forged. `submission` is None for a licensed picture."""

    submission: Submission | None
    path: Path | None = None


def planting_due(now: dt.datetime | None = None) -> PlantingSettings | None:
    """The settings, if one more forgery may be planted now; None where planting is off or one of its bounds is
    reached."""
    current, now = planting_now(), now or database_now()
    if current is None or not current.is_on:
        return None
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    planted = PlantedForgery.objects.filter(planted_at__gte=midnight).count()
    if planted >= current.per_day_max or scoring_state(now).is_standing_still:
        return None
    if ReviewItem.objects.filter(state__in=WAITING_STATES).count() > current.queue_max:
        return None
    since = max(current.changed_at, midnight)
    customers = Submission.objects.filter(is_test=False, is_planted=False, received_at__gte=since).count()
    made = PlantedForgery.objects.filter(planted_at__gte=since).count()
    return current if made < current.rate * customers else None


def source_draw(sources: str) -> Source | None:
    """A picture that was not forged before; None when none is left."""
    return _genuine() if sources == Sources.GENUINE else _licensed()


def licensed_pictures() -> list[Path]:
    """The pictures of the installation's folder. They lend parts to edits of applicants' pictures, too, so that no
    applicant's face becomes a part of another's."""
    folder = settings.PLANTED_PICTURES_DIR
    endings = {ending for group in FORMATS.values() for ending in group}
    found = folder.glob("*") if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in endings)


def _licensed() -> Source | None:
    used = set(PlantedForgery.objects.exclude(picture_sha256="").values_list("picture_sha256", flat=True))
    left = [path for path in licensed_pictures() if sha256(path.read_bytes()).hexdigest() not in used]
    return Source(None, dice.choice(left)) if left else None


def _genuine() -> Source | None:
    """Of the latest ones that a person found genuine and that nothing has put in question since."""
    of_it = {"submission": OuterRef("pk")}
    in_question = (
        Exists(ReviewItem.objects.filter(**of_it).exclude(state=ReviewItem.State.DECIDED))
        | Exists(Gold.objects.filter(**of_it))
        | Exists(AuditDraw.objects.filter(**of_it))
        | Exists(LateOutcome.objects.filter(finding=LateOutcome.Finding.FRAUD, **of_it))
        | Exists(PlantedForgery.objects.filter(source=OuterRef("pk")))
    )
    rows = Submission.objects.filter(
        ~Q(in_question),
        is_test=False,
        is_planted=False,
        erased_at=None,
        state=State.COMPLETED,
        result=Result.CLEAR,
        result_reason=ResultReason.REVIEWER_FOUND_GENUINE,
        format__in=FORMATS,
        file_facts__contains=PLAIN,
    )
    found = list(rows.order_by("-completed_at")[:SOURCES_READ])
    dice.shuffle(found)
    reviewers = set(_reviewers())
    for row in found:
        if len(reviewers - people_who_know(row.pk)) >= REVIEWERS_LEFT:
            return Source(row)
    return None


def _reviewers() -> list[int]:
    people = User.objects.filter(groups__name__in=ROLES_WITH[Right.DECIDE], is_active=True)
    return list(people.values_list("pk", flat=True).distinct())


def people_who_know(submission_id: UUID) -> set[int]:
    """Who judged the submission or was shown its outcome: they could recognise a forgery of it."""
    judged = Decision.objects.filter(submission=submission_id).values_list("reviewer_id", flat=True)
    read = OutcomeExposure.objects.filter(submission=submission_id).values_list("person_id", flat=True)
    return {*judged, *read}
