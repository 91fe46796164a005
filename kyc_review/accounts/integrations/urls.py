from django.urls import path

from kyc_review.accounts.integrations import views

app_name = "integrations"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("keys/<slug:prefix>/rotation/", views.rotate, name="rotate"),
    path("keys/<slug:prefix>/rights-approval/", views.approve_rights, name="approve_rights"),
    path("keys/<slug:prefix>/revocation/", views.revoke, name="revoke"),
    path("<slug:slug>/", views.integration, name="integration"),
    path("<slug:slug>/switch/", views.switch, name="switch"),
]
