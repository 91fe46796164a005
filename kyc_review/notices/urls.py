from django.urls import path

from kyc_review.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<uuid:channel_id>/", views.channel, name="channel"),
    path("<uuid:channel_id>/kinds/", views.kinds, name="kinds"),
    path("<uuid:channel_id>/switch/", views.switch, name="switch"),
    path("<uuid:channel_id>/test/", views.trial, name="trial"),
    path("<uuid:channel_id>/resend/", views.resend, name="resend"),
    path("<uuid:channel_id>/delete/", views.delete, name="delete"),
]
