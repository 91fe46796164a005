from django.db import models
from django.db.models.functions import Now


class JobOutput(models.Model):
    """A piece of what the process of a job wrote, in the order of the keys; one row a part once it has ended.

    Rows instead of files, because the web process may run on another machine than the worker.
    """

    class Part(models.TextChoices):
        LOG = "log", "What it printed"
        PROGRESS = "progress", "Whole lines of JSON (ml.training.progress)"

    noun = models.CharField(max_length=20, help_text="Of the kind of job: its NOUN.")
    job = models.PositiveBigIntegerField()
    part = models.CharField(max_length=10, choices=Part)
    text = models.TextField()
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["noun", "job", "part", "id"], name="output_of_job")]

    def __str__(self) -> str:
        return f"{self.part} of {self.noun} {self.job}"
