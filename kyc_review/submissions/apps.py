from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "kyc_review.submissions"
    label = "submissions"
