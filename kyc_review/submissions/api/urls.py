from django.urls import path

from kyc_review.submissions.api import views

urlpatterns = [
    path("submissions", views.SubmissionsView.as_view(), name="submissions"),
    path("submissions/batch", views.BatchView.as_view(), name="submissions-batch"),
    path(
        "submissions/<uuid:submission_id>/outcome", views.LateOutcomeView.as_view(), name="submission-outcome"
    ),
]
