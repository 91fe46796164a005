from django.urls import path

from kyc_review.submissions.api.views import SubmissionsView, SubmissionView

urlpatterns = [
    path("submissions", SubmissionsView.as_view(), name="submissions"),
    path("submissions/<uuid:submission_id>", SubmissionView.as_view(), name="submission"),
]
