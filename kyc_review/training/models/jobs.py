"""Units of work for the training worker: rows that are leased, counted, cancelled and ended in one way."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from kyc_review.core.leases import LeasedRow, holder_only_in
from kyc_review.core.stored_texts import stored
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle


class Job(LeasedRow):
    """One process' worth of work; it works in DATA_DIR/<NOUN>/<pk> of the worker's machine.

    The row is the work: `due_at` is when a worker may take it (while one holds it, the end of its lease), `attempts`
    counts before work.
    """

    NOUN: ClassVar[str]
    # For people and for the URL of its page (retraining:PAGE); empty when it has none.
    TITLE: ClassVar[str] = ""
    PAGE: ClassVar[str] = ""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [holder_only_in("running", name="%(class)s_running_has_holder")]

    @property
    def is_ended(self) -> bool:
        return self.state in (self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED)

    @property
    def directory(self) -> Path:
        return Path(settings.DATA_DIR) / self.NOUN / str(self.pk)

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    @property
    def progress(self) -> Path:
        return self.directory / "work" / "progress.jsonl"


class TrainingRun(Job):
    """One candidate in the making.

    A worker that dies leaves finished members in the folder; the next one goes on from them. `init` is the champion
    when the run was asked for: what is fine-tuned, or whose architectures are trained from scratch.
    """

    NOUN = "training"
    TITLE, PAGE = stored(gettext_noop("Training run")), "run"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    init = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="+")
    # Of the thresholds of `init` in production when the run was asked for, on the logit scale.
    init_shift = models.FloatField(default=0.0, db_default=0.0)
    scratch = models.BooleanField(default=False)
    epochs = models.PositiveSmallIntegerField(default=3)
    seed = models.PositiveIntegerField(default=0)
    miss = models.FloatField(default=0.1)
    balance = models.CharField(
        max_length=120,
        default="pairs",
        help_text="How labels are balanced: one method for all voters, or one for each, separated by commas.",
    )
    weigh = models.BooleanField(
        default=True,
        help_text="Items count by one over their chance of being labelled (ml.inverse_probability).",
    )
    candidate = models.ForeignKey(
        Bundle, null=True, blank=True, on_delete=models.PROTECT, related_name="trained_by"
    )

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                name="run_succeeded_has_candidate",
                condition=Q(state="succeeded", candidate__isnull=False)
                | ~Q(state="succeeded") & Q(candidate__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} on {self.snapshot}"

    @property
    def output(self) -> Path:
        return self.directory / "candidate"


class MeanFaces(Job):
    """The mean faces of a ready snapshot, per source and label; computed again when a face of it is erased.

    `cells` is what `python -m ml means` wrote: the pictures lie in `output`.
    """

    NOUN = "means"

    snapshot = models.OneToOneField(Snapshot, on_delete=models.CASCADE, related_name="means")
    cells = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"mean faces of {self.snapshot}"

    @property
    def output(self) -> Path:
        return self.directory / "faces"


class Comparison(Job):
    """Candidate and champion on the same held-out applicants of a snapshot, and on submissions of the last days.

    `report` is what `python -m ml compare` wrote. `champion_shift` is the champion's operating point in production: it
    is measured as it is used.
    """

    NOUN = "comparison"
    TITLE, PAGE = stored(gettext_noop("Comparison")), "comparison"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="comparisons")
    champion = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="+")
    champion_shift = models.FloatField(default=0.0, db_default=0.0)
    candidate = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="comparisons")
    report = models.JSONField(default=dict)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(name="comparison_of_two", condition=~Q(champion=models.F("candidate"))),
        ]

    def __str__(self) -> str:
        return f"{self.candidate} against {self.champion}"

    @property
    def output(self) -> Path:
        return self.directory / "report.json"

    @property
    def replay(self) -> Path:
        """A line for each submission to score again: its id and the path of its original."""
        return self.directory / "replay.txt"
