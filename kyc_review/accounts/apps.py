from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "kyc_review.accounts"
    label = "accounts"

    def ready(self) -> None:
        from kyc_review import branding  # noqa: F401  (registers its check)
        from kyc_review.accounts import schema  # noqa: F401  (registers itself)
