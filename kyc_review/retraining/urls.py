from django.urls import path

from kyc_review.retraining import run_views, views

app_name = "retraining"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("snapshots/", views.snapshots, name="snapshots"),
    path("snapshots/<slug:name>/manifest/", views.manifest, name="manifest"),
    path("snapshots/<slug:name>/archive/", views.archive, name="archive"),
    path("runs/", run_views.runs, name="runs"),
    path("runs/new/", run_views.new_run, name="new_run"),
    path("runs/<int:number>/", run_views.run, name="run"),
    path("runs/<int:number>/cancellation/", run_views.cancellation, name="cancellation"),
]
