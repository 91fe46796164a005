from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "kyc_review.evidence"
    label = "evidence"
