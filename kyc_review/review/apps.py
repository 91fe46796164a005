from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "kyc_review.review"

    def ready(self) -> None:
        from kyc_review.accounts.people.work import work_releaser
        from kyc_review.review.claims import claims_release

        work_releaser(claims_release)
