from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "kyc_review.accounts"
    label = "accounts"

    def ready(self) -> None:
        from kyc_review.accounts import (
            login_events,
            schema,  # noqa: F401  (registers itself)
        )
        from kyc_review.core import branding  # noqa: F401  (registers its check)

        login_events.connect()
