from django.urls import path

from kyc_review.records.api import views

urlpatterns = [
    path("decisions", views.DecisionsView.as_view()),
    path("outcomes", views.OutcomesView.as_view()),
    path("planted-forgeries", views.PlantedForgeriesView.as_view()),
    path("audit-events", views.AuditEventsView.as_view()),
    path("submissions/<uuid:submission_id>/dossier", views.DossierView.as_view()),
]
