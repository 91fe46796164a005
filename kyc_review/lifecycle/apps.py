from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "kyc_review.lifecycle"
    label = "lifecycle"
