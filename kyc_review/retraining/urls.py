from django.urls import path

from kyc_review.retraining import views

app_name = "retraining"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("snapshots/", views.snapshots, name="snapshots"),
    path("snapshots/<slug:name>/manifest/", views.manifest, name="manifest"),
    path("snapshots/<slug:name>/archive/", views.archive, name="archive"),
]
