from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "kyc_review.datasets"
    label = "datasets"
