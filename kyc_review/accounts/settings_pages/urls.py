from django.urls import path

from kyc_review.accounts.settings_pages import passkey_views, token_views, views

app_name = "account"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("sessions/end/", views.end_other_sessions, name="end_other_sessions"),
    path("time-zone/", views.time_zone, name="time_zone"),
    path("language/", views.language, name="language"),
    path("email/", views.email, name="email"),
    path("password/", views.password, name="password"),
    path("second-factor/", views.second_factor, name="second_factor"),
    path("second-factor/qr.svg", views.qr, name="qr"),
    path("second-factor/recovery-codes/", views.recovery_codes, name="recovery_codes"),
    path("second-factor/end/", views.end_second_factor, name="end_second_factor"),
    path("passkeys/", passkey_views.begin, name="passkeys"),
    path("passkeys/new/", passkey_views.new, name="passkey_new"),
    path("passkeys/<int:number>/removal/", passkey_views.removal, name="passkey_removal"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<slug:prefix>/revocation/", token_views.revocation, name="token_revocation"),
]
