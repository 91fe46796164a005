from django.urls import path

from kyc_review.workbench.evidence import views

app_name = "evidence"
urlpatterns = [
    path("items/<int:item_id>/evidence/", views.panel, name="panel"),
    path("items/<int:item_id>/comparisons/", views.comparisons, name="comparisons"),
    path("items/<int:item_id>/reference/", views.reference, name="reference"),
    path("items/<int:item_id>/reference/thumbnail/", views.reference_thumbnail, name="reference-thumbnail"),
    path("items/<int:item_id>/comparisons/<uuid:submission_id>/", views.compared, name="compared"),
    path(
        "items/<int:item_id>/comparisons/<uuid:submission_id>/thumbnail/",
        views.compared_thumbnail,
        name="compared-thumbnail",
    ),
    path("items/<int:item_id>/evidence/<slug:name>/", views.picture, name="picture"),
]
