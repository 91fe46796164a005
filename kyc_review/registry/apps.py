from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "kyc_review.registry"
    label = "registry"
