from django.urls import path

from kyc_review.accounts.single_sign_on import views

app_name = "single_sign_on"
urlpatterns = [
    path("", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("confirm/", views.confirm, name="confirm"),
    path("back-channel-logout/", views.back_channel_logout, name="back_channel_logout"),
    path("connect/", views.connect, name="connect"),
]
