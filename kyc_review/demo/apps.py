from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "kyc_review.demo"
