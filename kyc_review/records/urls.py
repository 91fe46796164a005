from django.urls import path

from kyc_review.records import views

app_name = "records"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("export/", views.export, name="export"),
    path("audit-log.<slug:format>", views.audit_log, name="audit_log"),
]
