"""What Celery is told by the settings, against the tasks that there are."""

from django.conf import settings

from kyc_review.celery import app


def registered() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if name.startswith("kyc_review.")}


def test_every_sweep_and_every_route_names_a_task_that_exists() -> None:
    swept = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert swept <= registered()
    assert set(settings.CELERY_TASK_ROUTES) <= registered()
