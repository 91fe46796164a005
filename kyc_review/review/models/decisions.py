"""Human decisions: rows that are written once; a trigger refuses changes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from kyc_review.core.template_texts import mid_sentence

from .items import ReviewItem


class DecisionRows(models.QuerySet["Decision"]):
    """Filters by whether a decision still counts."""

    def standing(self) -> DecisionRows:
        """Decisions that were not undone."""
        return self.filter(~Exists(DecisionUndo.objects.filter(decision=OuterRef("pk"))))

    def final(self) -> DecisionRows:
        """Decisions that can no longer be undone."""
        return self.standing().filter(item__state=ReviewItem.State.DECIDED)


class Decision(models.Model):
    """A person's decision on one item. A correction is a later row that names the one it `corrects`."""

    class Label(models.TextChoices):
        REAL = "real", gettext_lazy("Real")
        FAKE = "fake", gettext_lazy("Fake")
        NOT_ASSESSABLE = "not_assessable", gettext_lazy("Not assessable")

    class Obstacle(models.TextChoices):
        """Why a face cannot be assessed; every value is a ResubmitReason, which the onboarding system reads.

        What a check finds has the code of the check (detection.checks.CheckCode).
        """

        BLURRED = "blurred", gettext_lazy("Blurred")
        NO_FACE = "no_face", gettext_lazy("No face")
        SEVERAL_FACES = "several_faces", gettext_lazy("Several faces")
        FACE_TOO_SMALL = "face_too_small", gettext_lazy("Face too small")
        FACE_CUT_OFF = "face_cut_off", gettext_lazy("Face cut off")
        TURNED_AWAY = "turned_away", gettext_lazy("Face turned away")
        NOT_UPRIGHT = "not_upright", gettext_lazy("Face not upright")
        OCCLUDED = "occluded", gettext_lazy("Face covered")
        TOO_DARK = "too_dark", gettext_lazy("Too dark")
        TOO_BRIGHT = "too_bright", gettext_lazy("Too bright")
        SCREEN_PHOTO = "screen_photo", gettext_lazy("Photo of a screen")
        BLANK = "blank", gettext_lazy("Shows nothing")
        DAMAGED = "damaged", gettext_lazy("File damaged")
        TRAILING_DATA = "trailing_data", gettext_lazy("More than a picture in the file")
        OTHER = "other", gettext_lazy("Other")

    class Part(models.TextChoices):
        EYES = "eyes", gettext_lazy("Eyes")
        NOSE = "nose", gettext_lazy("Nose")
        MOUTH = "mouth", gettext_lazy("Mouth")
        FACE = "face", gettext_lazy("Whole face")
        HAIR = "hair", gettext_lazy("Hair")
        BACKGROUND = "background", gettext_lazy("Background")

    class Method(models.TextChoices):
        SWAP = "swap", gettext_lazy("Swap")
        WARP = "warp", gettext_lazy("Warp")
        RETOUCH = "retouch", gettext_lazy("Retouch")
        PASTE = "paste", gettext_lazy("Paste")
        GENERATED = "generated", gettext_lazy("Generated")

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="decisions")
    # `decision_by_reviewer` begins with it and serves as its index.
    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="decisions", db_index=False
    )
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    label = models.CharField(max_length=14, choices=Label)
    obstacle = models.CharField(max_length=16, choices=Obstacle, blank=True, default="")
    is_sure = models.BooleanField(
        default=True, db_default=True, help_text="If not, a second person judges and training weighs it less."
    )
    parts = models.JSONField(default=list, blank=True, help_text="Values of Part.")
    methods = models.JSONField(default=list, blank=True, help_text="Values of Method.")
    regions = models.JSONField(
        default=list, blank=True, help_text="Boxes {x, y, width, height} in fractions of the upright picture."
    )
    note = models.TextField(blank=True, default="", max_length=2000)
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections"
    )
    decided_at = models.DateTimeField(db_default=Now())
    handling_ms = models.PositiveIntegerField(help_text="From claim to decision, by the database's clock.")

    objects = DecisionRows.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(label__in=["real", "fake", "not_assessable"]), name="decision_label_known"
            ),
            models.CheckConstraint(
                condition=(Q(label="not_assessable") & ~Q(obstacle=""))
                | (~Q(label="not_assessable") & Q(obstacle="")),
                name="obstacle_when_not_assessable",
            ),
        ]
        indexes = [
            models.Index(fields=["decided_at"], name="decision_decided_at"),
            models.Index(fields=["submission", "reviewer"], name="decision_by_reviewer"),
        ]

    def __str__(self) -> str:
        return f"{self.label} on item {self.item_id}"

    @property
    def details(self) -> str:
        """In words: why it cannot be assessed, or which parts are fake and how they were made; empty without."""
        words = [str(self.get_obstacle_display())] if self.obstacle else []
        words += [str(Decision.Part(part).label) for part in self.parts]
        words += [str(Decision.Method(method).label) for method in self.methods]
        return mid_sentence(", ".join(words))


# Labels that say something about the face: what training and quality figures count.
ASSESSED_LABELS: tuple[str, ...] = (Decision.Label.REAL, Decision.Label.FAKE)


class DecisionUndo(models.Model):
    """A decision was undone in time; it never counted."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="undo")
    undone_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.decision_id} undone"


class OutcomeExposure(models.Model):
    """A person who may decide has seen the votes and decisions of a face, so cannot review it blind."""

    # The unique constraint below begins with it and serves as its index.
    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="outcome_exposures", db_index=False
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    seen_at = models.DateTimeField(db_default=Now())
    in_passing = models.BooleanField(
        default=False,
        db_default=False,
        help_text="In a list or as a similar picture only: if no one else is left, this person may still judge blind.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "person"], name="outcome_exposure_once")]

    def __str__(self) -> str:
        return f"{self.person_id} has seen the outcome of {self.submission_id}"


class FirstCall(models.Model):
    """A reviewer's call on a blind item before votes and evidence were shown."""

    # The unique constraint below begins with it and serves as its index.
    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="first_calls", db_index=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=14, choices=Decision.Label)
    called_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="one_first_call_per_reviewer")
        ]

    def __str__(self) -> str:
        return f"{self.label} at first on item {self.item_id}"
