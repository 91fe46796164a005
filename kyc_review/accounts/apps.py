from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "kyc_review.accounts"
    label = "accounts"
