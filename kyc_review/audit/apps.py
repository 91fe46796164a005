from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "kyc_review.audit"
    label = "audit"
