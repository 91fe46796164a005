from django.urls import path

from . import views

app_name = "review"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("items/next/", views.item_next, name="next"),
    path("items/<int:item_id>/", views.item, name="item"),
    path("items/<int:item_id>/image/", views.image, name="image"),
    path("items/<int:item_id>/decision/", views.decision, name="decision"),
    path("items/<int:item_id>/claim/", views.claim, name="claim"),
    path("items/<int:item_id>/claim/release/", views.claim_release, name="release"),
]
