from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "kyc_review.insights"
    label = "insights"
