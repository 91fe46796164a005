from django.urls import path

from kyc_review.webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<uuid:endpoint_id>/", views.endpoint, name="endpoint"),
    path("<uuid:endpoint_id>/switch/", views.switch, name="switch"),
    path("<uuid:endpoint_id>/secret/", views.secret, name="secret"),
    path("<uuid:endpoint_id>/test/", views.trial, name="trial"),
    path("<uuid:endpoint_id>/replay/", views.replay_dead, name="replay_dead"),
    path("deliveries/<uuid:delivery_id>/replay/", views.replay, name="replay"),
]
