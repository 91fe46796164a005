from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "kyc_review.notices"

    def ready(self) -> None:
        """What accounts tell, and requests for an admin's access, which wait like other proposals."""
        from kyc_review.accounts.account_notices import account_teller
        from kyc_review.accounts.people import admin_requests
        from kyc_review.notices import seals  # noqa: F401  (registers the title that pages translate)
        from kyc_review.notices.account_notices import account_notice_record
        from kyc_review.notices.admin_requests import admin_request_notice

        account_teller(account_notice_record)
        admin_requests.told.append(admin_request_notice)
