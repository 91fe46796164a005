from celery import current_app, shared_task

from kyc_review.planting.rules import CHANCE, dice, planting_due

MINUTE_S = 60
MESSAGE_EXPIRES_S = 600


@shared_task
def plant_by_chance() -> None:
    """Once a minute: if a forgery is due, ask for one at a random second, or leave it to a later minute."""
    if planting_due() is None or dice.random() >= CHANCE:
        return
    current_app.send_task(
        "kyc_review.planting.tasks.plant",
        countdown=dice.uniform(0, MINUTE_S),
        expires=MESSAGE_EXPIRES_S,
        ignore_result=True,
    )


@shared_task
def plant() -> None:
    """Make one forgery and give it to intake; nothing while selfies wait for their votes."""
    from kyc_review.pipeline.submission_leases import is_busy

    if is_busy():
        return
    from kyc_review.planting.worker import plant_one  # torch and the synthesis live in the worker only

    plant_one()
