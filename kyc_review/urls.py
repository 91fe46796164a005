from django.urls import include, path

from kyc_review.health import livez, readyz

urlpatterns = [
    path("livez", livez),
    path("readyz", readyz),
    path("api/v1/", include("kyc_review.submissions.api.urls")),
]
handler404 = "kyc_review.problems.not_found"
handler500 = "kyc_review.problems.server_error"
