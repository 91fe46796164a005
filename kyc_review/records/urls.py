from django.urls import path

from kyc_review.records import dossier_views, replay_views, views

app_name = "records"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("export/", views.export, name="export"),
    path("submissions/<uuid:submission_id>/dossiers/<slug:audience>/", dossier_views.dossier, name="dossier"),
    path("submissions/<uuid:submission_id>/replays/<int:decision_id>/", replay_views.replay, name="replay"),
    path(
        "submissions/<uuid:submission_id>/replays/<int:decision_id>/views/<slug:name>/",
        replay_views.view,
        name="replay_view",
    ),
    path("audit-log.<slug:format>", views.audit_log, name="audit_log"),
]
