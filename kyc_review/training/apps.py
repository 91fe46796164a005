from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "kyc_review.training"

    def ready(self) -> None:
        """Every process knows the texts that notices keep: the one that sends e-mails translates them. And scoring
        workers learn which promotions are approved."""
        from kyc_review.registry.approval import promotion_objection
        from kyc_review.training import gate_changes, jobs, proposals, runs, signals  # noqa: F401
        from kyc_review.training.approvals import why_not_approved

        promotion_objection(why_not_approved)
