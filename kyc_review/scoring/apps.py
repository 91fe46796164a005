from django.apps import AppConfig


class ScoringConfig(AppConfig):
    name = "kyc_review.scoring"
    label = "scoring"
