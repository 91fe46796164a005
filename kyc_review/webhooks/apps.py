from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "kyc_review.webhooks"
    label = "webhooks"
