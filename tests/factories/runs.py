"""What time does to training runs."""

from datetime import timedelta

from django.utils import timezone

from kyc_review.training.models import TrainingRun


def lapse(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(due_at=timezone.now() - timedelta(seconds=1))
