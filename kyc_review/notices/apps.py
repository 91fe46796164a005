from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "kyc_review.notices"

    def ready(self) -> None:
        from kyc_review.accounts.account_notices import account_teller
        from kyc_review.notices.account_notices import account_notice_record

        account_teller(account_notice_record)
