from django.urls import path

from kyc_review.webhooks.api import views

urlpatterns = [
    path("events", views.EventsView.as_view(), name="events"),
    path("webhook-endpoints", views.EndpointsView.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<uuid:endpoint_id>", views.EndpointView.as_view(), name="webhook-endpoint"),
    path("webhook-endpoints/<uuid:endpoint_id>/secret", views.SecretView.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/test", views.TrialView.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/deliveries", views.DeliveriesView.as_view()),
    path("webhook-deliveries/<uuid:delivery_id>", views.DeliveryView.as_view(), name="webhook-delivery"),
    path("webhook-deliveries/<uuid:delivery_id>/replay", views.ReplayView.as_view()),
]
