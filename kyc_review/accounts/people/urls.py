from django.urls import path

from kyc_review.accounts.people import views

app_name = "people"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("requests/<int:number>/approval/", views.request_approval, name="request_approval"),
    path("requests/<int:number>/rejection/", views.request_rejection, name="request_rejection"),
    path("<int:person_id>/", views.person, name="person"),
    path("<int:person_id>/role/", views.role, name="role"),
    path("<int:person_id>/activation/", views.activation, name="activation"),
    path("<int:person_id>/password/", views.password, name="password"),
    path("<int:person_id>/lock/", views.unlock, name="unlock"),
    path("<int:person_id>/second-factor/", views.reset_factor, name="reset_factor"),
    path("<int:person_id>/second-factor/duty/", views.require_factor, name="require_factor"),
    path("<int:person_id>/tokens/<slug:prefix>/revocation/", views.revoke_token, name="revoke_token"),
]
