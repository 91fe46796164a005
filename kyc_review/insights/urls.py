from django.urls import path

from kyc_review.insights import audit_views, loop_views, views

app_name = "insights"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("loop/", loop_views.loop, name="loop"),
    path("search/", views.search, name="search"),
    path("submissions/<uuid:submission_id>/", views.submission, name="submission"),
    path("submissions/<uuid:submission_id>/image/", views.image, name="image"),
    path("submissions/<uuid:submission_id>/reference/", views.reference, name="reference"),
    path("submissions/<uuid:submission_id>/erasure/", views.erasure, name="erasure"),
    path("audit/receipts/<uuid:submission_id>/", audit_views.receipt, name="receipt"),
    path("audit/", audit_views.log, name="audit"),
]
