from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "kyc_review.notices"

    def ready(self) -> None:
        """What accounts tell, endpoints that were switched off, and requests for an admin's access."""
        from kyc_review.accounts.account_notices import account_teller
        from kyc_review.accounts.people import admin_requests
        from kyc_review.notices import seals  # noqa: F401  (registers the title that pages translate)
        from kyc_review.notices.account_notices import account_notice_record
        from kyc_review.notices.admin_requests import admin_request_notice
        from kyc_review.notices.endpoints import endpoint_notice
        from kyc_review.webhooks import endpoint_health

        account_teller(account_notice_record)
        admin_requests.told.append(admin_request_notice)
        endpoint_health.told.append(endpoint_notice)
