from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "kyc_review.training"

    def ready(self) -> None:
        """Every process knows the texts that notices keep: the one that sends e-mails translates them."""
        from kyc_review.training import gate_changes, jobs, proposals, runs, signals  # noqa: F401
