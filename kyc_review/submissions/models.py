import uuid

from django.contrib.postgres.indexes import GinIndex, HashIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Now, Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import Integration
from kyc_review.core.leases import LeasedRow, holder_only_in
from kyc_review.submissions.searching import HAS_METADATA, OWNED_METADATA, SEARCHABLE


class State(models.TextChoices):
    RECEIVED = "received"  # waits for the scoring worker
    SCORING = "scoring"  # leased by a worker until due_at
    IN_REVIEW = "in_review"
    COMPLETED = "completed"
    CANCELLED = "cancelled"  # withdrawn by the integration before there was a result


# What the external references of the sandbox's corrected submissions begin with (scripts.py).
CORRECTED_IN_SANDBOX = "sandbox-overturned"
# Those that the index by parts of references and metadata has.
FOUND_BY_PART = (State.IN_REVIEW, State.COMPLETED, State.CANCELLED)


class Result(models.TextChoices):
    CLEAR = "clear", _("Clear")
    REJECTED = "rejected", _("Rejected")
    RESUBMIT = "resubmit", _("Resubmit")


class ResultReason(models.TextChoices):
    """Why a submission has its result, as the integration reads it. Codes may be added, never change."""

    MODELS_AGREE = "models_agree", "All models found the picture genuine."
    REVIEWER_FOUND_GENUINE = "reviewer_found_genuine", "A reviewer found the picture genuine."
    REVIEWER_FOUND_FORGED = "reviewer_found_forged", "A reviewer found the picture manipulated."


class ResubmitReason(models.TextChoices):
    """Why the applicant is asked for another picture, with what to tell them. Codes may be added, never change.

    What a check finds has the code of the check (detection.checks.CheckCode), whether a check or a person said it.
    """

    BLANK = "blank", "The picture shows nothing; take a picture of the face."
    NO_FACE = "no_face", "No face can be seen; hold the camera so that the whole face is in the picture."
    SEVERAL_FACES = (
        "several_faces",
        "More than one face can be seen; take the picture with one person alone in it.",
    )
    FACE_TOO_SMALL = "face_too_small", "The face is too small; hold the camera closer."
    FACE_CUT_OFF = (
        "face_cut_off",
        "A part of the face lies outside of the picture; hold the camera so that the whole face is in it.",
    )
    TURNED_AWAY = "turned_away", "The face is turned away; look into the camera."
    NOT_UPRIGHT = "not_upright", "The face is not upright; hold head and camera straight."
    OCCLUDED = "occluded", "The face is covered or pixelated; uncover all of it and use no filter."
    BLURRED = "blurred", "The picture is blurred; hold the camera still."
    TOO_DARK = "too_dark", "The face is too dark; find more light."
    TOO_BRIGHT = "too_bright", "The face is too bright; avoid direct light."
    SCREEN_PHOTO = "screen_photo", "The picture shows a screen; take a picture of the person."
    DAMAGED = "damaged", "The file is damaged; take a new picture and send it again."
    TRAILING_DATA = (
        "trailing_data",
        "The file holds more than a picture; take a new picture and send it as the camera made it.",
    )
    OTHER = "other", "The picture cannot be used; take a new one of the whole face in good light."


class Submission(LeasedRow):
    """One posted image with the references of the onboarding system.

    `due_at` is when scoring may next take the row: its arrival at first, the lease's end while a worker holds
    it, the end of the back-off after a failure. `attempts` counts before work, so that an image that kills
    its worker is not retried without end.
    """

    Result = Result  # for templates

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # `submission_listed` begins with it and serves as its index.
    integration = models.ForeignKey(
        Integration, on_delete=models.PROTECT, related_name="submissions", db_index=False
    )
    external_ref = models.CharField(max_length=200)
    applicant_ref = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict)
    is_test = models.BooleanField(
        default=False, help_text="Posted with a test key: answered by the sandbox, never scored or reviewed."
    )
    is_planted = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="A forgery of our own that measures models and people; no customer's figures or events hold it.",
    )

    image_key = models.CharField(max_length=100, unique=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    format = models.CharField(max_length=4)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file_facts = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="detection.decoding.FileFacts: trailing data, damage, and what the sender wrongly called the file.",
    )

    reference_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Of the reference image (such as the document's portrait); empty without one. It is never scored.",
    )

    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    result = models.CharField(max_length=10, choices=Result, blank=True)
    result_reason = models.CharField(
        max_length=60,
        blank=True,
        help_text="A ResultReason, or why the applicant should take another selfie.",
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(
        default=timezone.now,
        db_default=Now(),
        help_text="The last change of state or result. A trigger of the database sets it at every such change.",
    )
    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The picture and what named the applicant were deleted (lifecycle.erase).",
    )
    traceparent = models.CharField(
        max_length=55,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="W3C trace context of the post, which scoring and webhooks continue; empty while traces are off.",
    )
    erasure_settled_at = models.DateTimeField(
        null=True, blank=True, help_text="No file of it was left, long after whatever worked on it had ended."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="submission_erased_is_bare",
                condition=Q(erased_at__isnull=True, erasure_settled_at__isnull=True)
                | Q(
                    erased_at__isnull=False,
                    external_ref="",
                    applicant_ref="",
                    metadata={},
                    state__in=["completed", "cancelled"],
                ),
            ),
            models.CheckConstraint(
                name="submission_completed_has_result",
                condition=Q(state="completed", completed_at__isnull=False) & ~Q(result="")
                | ~Q(state="completed") & Q(result="", completed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="submission_cancelled_has_time",
                condition=Q(state="cancelled", cancelled_at__isnull=False)
                | ~Q(state="cancelled") & Q(cancelled_at__isnull=True),
            ),
            models.CheckConstraint(
                name="submission_resubmit_has_reason",
                condition=~Q(result="resubmit") | ~Q(result_reason=""),
            ),
            holder_only_in("scoring", name="submission_scoring_has_holder"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="submission_to_score", condition=Q(state__in=["received", "scoring"])
            ),
            models.Index(
                fields=["due_at"],
                name="submission_in_sandbox",
                condition=Q(is_test=True, state__in=["received", "in_review"]),
            ),
            models.Index(
                fields=["due_at"],
                name="submission_to_correct",
                condition=Q(is_test=True, state="completed", external_ref__startswith=CORRECTED_IN_SANDBOX),
            ),
            models.Index(
                fields=["state"],
                name="submission_unfinished",
                condition=Q(is_test=False, state__in=["received", "scoring", "in_review"]),
            ),
            models.Index(fields=["integration", "is_test", "-received_at", "-id"], name="submission_listed"),
            models.Index(
                fields=["erased_at"], name="submission_erased", condition=Q(erased_at__isnull=False)
            ),
            models.Index(
                Coalesce("completed_at", "cancelled_at"),
                name="submission_by_outcome",
                condition=Q(erased_at__isnull=True, state__in=["completed", "cancelled"]),
            ),
            models.Index(fields=["received_at"], condition=Q(result="rejected"), name="submission_rejected"),
            HashIndex(fields=["sha256"], name="submission_by_sha256"),
            models.Index(fields=["integration", "external_ref"], name="submission_by_external_ref"),
            models.Index(fields=["integration", "applicant_ref"], name="submission_by_applicant_ref"),
            models.Index(
                fields=["-received_at", "-id"], name="submission_newest", condition=Q(is_test=False)
            ),
            GinIndex(
                OpClass(Upper(SEARCHABLE), name="gin_trgm_ops"),
                name="submission_by_part",
                condition=Q(is_test=False, state__in=["in_review", "completed", "cancelled"]),
            ),
            GinIndex(
                OpClass(OWNED_METADATA, name="jsonb_path_ops"),
                name="submission_by_metadata",
                condition=HAS_METADATA,
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class LateOutcome(models.Model):
    """What an applicant turned out to be, months later; ground truth. A correction is a later row."""

    class Finding(models.TextChoices):
        FRAUD = "confirmed_fraud"
        GENUINE = "confirmed_genuine"

    # The index below begins with it.
    submission = models.ForeignKey(
        Submission, on_delete=models.PROTECT, related_name="late_outcomes", db_index=False
    )
    finding = models.CharField(max_length=20, choices=Finding)
    note = models.CharField(max_length=500, blank=True)
    reported_by = models.CharField(max_length=24, help_text="The prefix of the key that reported it.")
    reported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["submission", "-reported_at"], name="late_outcome_latest")]

    def __str__(self) -> str:
        return f"{self.finding} {self.submission_id}"


class RetentionPass(models.Model):
    """One day's way through everything that has its outcome, to erase what is too old (lifecycle.retain).

    `reached_at` and `reached_id` are the outcome's time and the key of the last submission that it erased:
    the next worker continues after it.
    """

    day = models.DateField(unique=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    reached_id = models.UUIDField(null=True, blank=True)
    erased = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="Failed; tried again the next day.")

    class Meta:
        verbose_name_plural = "retention passes"
        constraints = [
            models.CheckConstraint(
                name="retention_reached_both_or_none",
                condition=Q(reached_at__isnull=True, reached_id__isnull=True)
                | Q(reached_at__isnull=False, reached_id__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"retention of {self.day}"


class StorageIdentity(models.Model):
    """What the originals and the database both hold, so that a process finds out when they do not belong together."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    value = models.CharField(max_length=32)
    # "files", or "s3:<bucket>/<prefix>": a move copies the identity, too, so it does not tell the two places apart.
    # Empty until `manage.py prepare` of this release has run.
    place = models.TextField(default="", db_default="")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="storage_identity_is_one")]

    def __str__(self) -> str:
        return self.value
