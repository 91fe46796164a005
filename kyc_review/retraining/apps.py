from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    name = "kyc_review.retraining"
    label = "retraining"
