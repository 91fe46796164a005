"""Human-in-the-loop review of bank KYC selfies: the database, HTTP and Celery."""

from kyc_review.celery import app as celery_app

__all__ = ["celery_app"]
