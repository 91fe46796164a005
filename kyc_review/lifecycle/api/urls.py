from django.urls import path

from kyc_review.lifecycle.api import views

urlpatterns = [
    path("submissions", views.SubmissionsView.as_view(), name="submissions"),
    path("submissions/<uuid:submission_id>", views.SubmissionView.as_view(), name="submission"),
    path(
        "submissions/<uuid:submission_id>/cancel", views.CancellationView.as_view(), name="submission-cancel"
    ),
    path("submissions/<uuid:submission_id>/appeal", views.AppealView.as_view(), name="submission-appeal"),
]
