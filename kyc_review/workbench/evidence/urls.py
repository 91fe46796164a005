from django.urls import path

from kyc_review.workbench.evidence import views

app_name = "evidence"
urlpatterns = [
    path("items/<int:item_id>/evidence/", views.panel, name="panel"),
    path("items/<int:item_id>/evidence/<slug:name>/", views.picture, name="picture"),
]
