from django.urls import path

from kyc_review.planting import views

app_name = "planting"
urlpatterns = [
    path("", views.figures, name="figures"),
    path("settings/", views.settings, name="settings"),
    path("settings/off/", views.switch_off, name="off"),
    path("settings/<int:number>/approval/", views.approval, name="approval"),
    path("settings/<int:number>/rejection/", views.rejection, name="rejection"),
]
