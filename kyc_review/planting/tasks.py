import time

from celery import current_app, shared_task
from django.conf import settings

from kyc_review.planting.rules import CHANCE, dice, planting_due

MINUTE_S = 60


@shared_task
def plant_by_chance() -> None:
    """Once a minute: if a forgery is due, ask for one at a random second, or leave it to a later minute."""
    if planting_due() is None or dice.random() >= CHANCE:
        return
    current_app.send_task(
        "kyc_review.planting.tasks.plant",
        countdown=dice.uniform(0, MINUTE_S),
        ignore_result=True,
    )


@shared_task
def plant() -> None:
    """Make one forgery and give it to intake, after a pause while selfies wait for their votes."""
    from kyc_review.pipeline.evidence_worker import (
        give_way,
    )  # torch and the synthesis live in the worker only
    from kyc_review.planting.worker import plant_one

    give_way(time.monotonic() + settings.EVIDENCE_PATIENCE_S)
    plant_one()
