from django.apps import AppConfig


class PlantingConfig(AppConfig):
    name = "kyc_review.planting"

    def ready(self) -> None:
        """What waits for an admin has proposals on planting."""
        from kyc_review.planting.changes import proposals_waiting
        from kyc_review.training.waiting import proposals_register

        proposals_register(proposals_waiting)
