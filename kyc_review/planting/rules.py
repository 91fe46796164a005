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
from django.db import models
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import Integration, User
from kyc_review.core.db.clock import database_now
from kyc_review.core.permissions import ROLES_WITH, Right, may_decide, may_see_retraining
from kyc_review.evidence.models import Evidence
from kyc_review.planting import references
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
PAUSE = dt.timedelta(
    minutes=2
)  # between two, also when a worker that was busy finds several requests for one
EVIDENCE_BEHIND = dt.timedelta(minutes=1)  # the oldest picture that waits for evidence
SOURCES_READ = 300
REVIEWERS_LEFT = 2  # who do not know the source: one to judge, and one for a second review
FORMATS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}
PLAIN: dict[str, object] = {"trailing": [], "damage": None}  # of file_facts


@dataclass(frozen=True, slots=True)
class Source:
    """What is forged. `submission` is None for a licensed picture."""

    submission: Submission | None
    path: Path | None = None


class Bound(models.TextChoices):
    """Why none is planted now, in words for admins and auditors."""

    OFF = "off", _("Planting is switched off.")
    DAY = "day", _("As many as may be planted in one day were planted today.")
    STANDSTILL = "standstill", _("Scoring stands still.")
    QUEUE = "queue", _("More items wait for people than the settings allow.")
    EVIDENCE = (
        "evidence",
        _("The computation of evidence is behind; the same worker makes planted forgeries."),
    )
    PAUSE = "pause", _("One was planted in the last two minutes.")
    SHARE = "share", _("The share is reached; the next one follows when more submissions have come.")
    NO_PICTURE = "no_picture", _("No picture is left that may be forged.")
    REFERENCE_IMAGES = (
        "reference_images",
        _("All onboarding systems mostly send a reference image, and licensed pictures have none."),
    )


def planting_due(now: dt.datetime | None = None) -> PlantingSettings | None:
    """The settings, if one more forgery may be planted now; None where planting is off or one of its bounds is
    reached."""
    current = planting_now()
    return current if current is not None and not _bounds_reached(current, now or database_now()) else None


def bounds_reached(*, viewer: User) -> list[Bound]:
    """What keeps the next one from being planted. Nothing for people who decide: a bound that is reached just now would
    say that one was planted."""
    if not may_see_retraining(viewer) or may_decide(viewer):
        return []
    current = planting_now()
    if current is None or not current.is_on:
        return [Bound.OFF]
    if found := _bounds_reached(current, database_now()):
        return found
    source = source_draw(current.sources)
    if source is None:
        return [Bound.NO_PICTURE]
    return [] if seems_from(source) else [Bound.REFERENCE_IMAGES]


def _bounds_reached(current: PlantingSettings, now: dt.datetime) -> list[Bound]:
    """Of the settings and of the state of work, the ones that are cheap to look at."""
    if not current.is_on:
        return [Bound.OFF]
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    since = max(current.changed_at, midnight)
    customers = Submission.objects.filter(is_test=False, is_planted=False, received_at__gte=since).count()
    planted = PlantedForgery.objects.aggregate(
        today=Count("pk", filter=Q(planted_at__gte=midnight)),
        since=Count("pk", filter=Q(planted_at__gte=since)),
        last=Max("planted_at"),
    )
    examined = Evidence.objects.filter(state__in=(Evidence.State.WAITING, Evidence.State.WORKING))
    is_reached = {
        Bound.DAY: planted["today"] >= current.per_day_max,
        Bound.STANDSTILL: scoring_state(now).is_standing_still,
        Bound.QUEUE: ReviewItem.objects.filter(state__in=WAITING_STATES).count() > current.queue_max,
        Bound.EVIDENCE: examined.filter(due_at__lt=now - EVIDENCE_BEHIND).exists(),
        Bound.PAUSE: planted["last"] is not None and planted["last"] > now - PAUSE,
        Bound.SHARE: planted["since"] >= current.rate * customers,
    }
    return [bound for bound, reached in is_reached.items() if reached]


def seems_from(source: Source) -> Submission | None:
    """The submission whose onboarding system a forgery of the source seems to come from; None for a licensed picture
    where all systems mostly send a reference image: it has none, and people would know it by that."""
    if source.submission is not None:
        return source.submission
    systems = Integration.objects.values_list("pk", flat=True)
    fitting = [pk for pk in systems if not references.mostly_with_reference_image(pk)]
    rows = Submission.objects.filter(integration__in=fitting, is_test=False, is_planted=False, erased_at=None)
    return rows.select_related("integration").order_by("-received_at").first()


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
