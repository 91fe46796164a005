from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from detection.checks import CheckCode, CheckName, CheckStatus, Measure
from detection.voting import Verdict
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import Submission


class Scoring(models.Model):
    """What the ensemble said of one submission; one per submission, never changed."""

    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="scoring")
    bundle_version = models.CharField(max_length=60)
    bundle_digest = models.CharField(max_length=64)
    shift = models.FloatField(
        default=0.0,
        db_default=0.0,
        help_text="Added to the bundle's thresholds on the logit scale: its operating point in production then.",
    )
    verdict = models.CharField(max_length=20, choices=[(v.value, v.value) for v in Verdict])
    risk = models.FloatField()
    elapsed_ms = models.FloatField(help_text="This image's share of its batch, decoding included.")
    scored_at = models.DateTimeField(auto_now_add=True)
    auxiliary_model = models.CharField(
        max_length=30,
        blank=True,
        default="",
        db_default="",
        help_text="The auxiliary model that asked for a person although all five votes say real.",
    )

    class Meta:
        indexes = [models.Index(fields=["scored_at"], name="scoring_by_time")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.submission_id}"

    @property
    def is_clear(self) -> bool:
        return self.verdict == Verdict.CLEAR


class Vote(models.Model):
    """One member's probability of *fake* and its call."""

    # The unique constraint below begins with it and serves as its index.
    scoring = models.ForeignKey(Scoring, on_delete=models.CASCADE, related_name="votes", db_index=False)
    position = models.PositiveSmallIntegerField()
    member = models.CharField(max_length=60)
    probability = models.FloatField()
    threshold = models.FloatField()
    is_fake = models.BooleanField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["scoring", "position"], name="vote_once_per_position"),
            models.CheckConstraint(
                name="vote_probability_in_unit", condition=Q(probability__gte=0, probability__lte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.probability:.3f}"


class CheckResult(models.Model):
    """One check of one picture and what followed from it. Written with the verdict, never changed.

    A passed check has neither a code nor an action; one that changed nothing has no action. `value` and `limit` are in
    the unit of `measure`, which is empty where nothing was measured and for checks made before it was stored.
    """

    # The unique constraint below begins with it and serves as its index.
    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="checks", db_index=False
    )
    name = models.CharField(max_length=20, choices=[(name.value, name.value) for name in CheckName])
    status = models.CharField(max_length=5, choices=[(status.value, status.value) for status in CheckStatus])
    code = models.CharField(
        max_length=20, blank=True, db_default="", choices=[(code.value, code.value) for code in CheckCode]
    )
    action = models.CharField(
        max_length=8, blank=True, db_default="", choices=[(action.value, action.value) for action in Action]
    )
    measure = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        choices=[(measure.value, measure.value) for measure in Measure],
    )
    value = models.FloatField(null=True)
    limit = models.FloatField(null=True)
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "name"], name="check_once_per_submission"),
            models.CheckConstraint(
                name="check_status_known", condition=Q(status__in=[status.value for status in CheckStatus])
            ),
            models.CheckConstraint(
                name="check_code_and_action_unless_passed",
                condition=Q(status="pass", code="", action="")
                | ~Q(status="pass") & ~Q(code="") & Q(action__in=["", *(action.value for action in Action)]),
            ),
        ]
        indexes = [
            # Search and metrics ask for what did not pass; pictures are counted by their `face_found`.
            models.Index(fields=["code", "-checked_at"], condition=~Q(status="pass"), name="check_troubles"),
            models.Index(
                fields=["checked_at"],
                condition=Q(name="face_found") | ~Q(status="pass"),
                name="check_by_time",
            ),
            models.Index(fields=["submission"], condition=Q(action="review"), name="check_for_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.status} {self.submission_id}"


class ScoringWorker(models.Model):
    """A scoring worker that runs, or that died without saying so: then `seen_at` stays behind."""

    name = models.CharField(max_length=80, primary_key=True, help_text="<host>:<process>:<random>")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    problem = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why its latest run failed; empty: it did not."
    )
    problem_since = models.DateTimeField(null=True)
    engine_refused = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="Why it scores with torch although the settings name another engine; empty: it does not.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="worker_problem_has_time",
                condition=Q(problem="", problem_since__isnull=True)
                | ~Q(problem="") & Q(problem_since__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Canary(models.Model):
    """The one row that says when the canary last came through the models."""

    finished_at = models.DateTimeField()
    bundle_version = models.CharField(max_length=60)
    elapsed_ms = models.FloatField()

    class Meta:
        constraints = [models.CheckConstraint(name="one_canary", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"{self.bundle_version} at {self.finished_at}"
