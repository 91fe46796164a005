from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "kyc_review.training"
    label = "training"
