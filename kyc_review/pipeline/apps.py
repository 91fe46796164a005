from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "kyc_review.pipeline"
    label = "pipeline"
