from django.urls import path

from kyc_review.submissions.api import views

urlpatterns = [
    path("submissions/json", views.JsonView.as_view(), name="submissions-json"),
    path("submissions/batch", views.BatchView.as_view(), name="submissions-batch"),
    path("submissions/<uuid:submission_id>/image", views.PictureView.as_view(), name="submission-image"),
    path(
        "submissions/<uuid:submission_id>/reference-image",
        views.ReferencePictureView.as_view(),
        name="submission-reference-image",
    ),
    path(
        "submissions/<uuid:submission_id>/outcome", views.LateOutcomeView.as_view(), name="submission-outcome"
    ),
]
