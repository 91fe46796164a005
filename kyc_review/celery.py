"""The Celery application. Messages only say that there may be work; rows hold the work itself."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
app = Celery("kyc_review")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
