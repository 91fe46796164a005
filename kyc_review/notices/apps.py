from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "kyc_review.notices"
    label = "notices"
