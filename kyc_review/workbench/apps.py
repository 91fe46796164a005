from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "kyc_review.workbench"
    label = "workbench"
