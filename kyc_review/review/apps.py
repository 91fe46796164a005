from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "kyc_review.review"
    label = "review"
    verbose_name = "Review"
    default_auto_field = "django.db.models.BigAutoField"
