from django.urls import path

from kyc_review.workbench import (
    campaign_views,
    lesson_views,
    quality_views,
    queue_views,
    release_views,
    shortcut_views,
    views,
)

app_name = "review"
urlpatterns = [
    path("", queue_views.queue, name="queue"),
    path("distribute/", queue_views.distribute, name="distribute"),
    path("views/", queue_views.view_save, name="view-save"),
    path("views/<int:view_id>/delete/", queue_views.view_delete, name="view-delete"),
    path("keys/", shortcut_views.keys, name="keys"),
    path("campaigns/", campaign_views.overview, name="campaigns"),
    path("campaigns/<uuid:submission_id>/", campaign_views.campaign, name="campaign"),
    path("campaigns/<uuid:submission_id>/decision/", campaign_views.decision, name="campaign-decision"),
    path(
        "campaigns/<uuid:submission_id>/pictures/<uuid:member_id>/",
        campaign_views.thumbnail,
        name="campaign-picture",
    ),
    path(
        "campaigns/<uuid:submission_id>/pictures/<uuid:member_id>/full/",
        campaign_views.full_picture,
        name="campaign-picture-full",
    ),
    path(
        "campaigns/<uuid:submission_id>/pictures/<uuid:member_id>/look/",
        campaign_views.look,
        name="campaign-look",
    ),
    path("quality/", quality_views.quality, name="quality"),
    path("yesterday/", lesson_views.yesterday, name="yesterday"),
    path("yesterday/<int:item_id>/<slug:name>/", lesson_views.lesson_picture, name="lesson-picture"),
    path("items/<int:item_id>/gold/", quality_views.gold, name="gold"),
    path("recent/", views.recent, name="recent"),
    path("items/<int:item_id>/thumbnail/", views.thumbnail, name="thumbnail"),
    path("items/next/", views.item_next, name="next"),
    path("items/ahead/", views.item_ahead, name="ahead"),
    path("items/<int:item_id>/", views.item, name="item"),
    path("items/<int:item_id>/take/", queue_views.take, name="take"),
    path("items/<int:item_id>/image/", views.image, name="image"),
    path("items/<int:item_id>/first-call/", views.first_call, name="first-call"),
    path("items/<int:item_id>/decision/", views.decision, name="decision"),
    path("items/<int:item_id>/undo/", views.undo, name="undo"),
    path("items/<int:item_id>/correction/", views.correction, name="correction"),
    path("items/<int:item_id>/claim/", views.claim, name="claim"),
    path("items/<int:item_id>/claim/release/", release_views.release, name="release"),
    path("items/<int:item_id>/claim/take-back/", release_views.take_back, name="take-back"),
    path("items/<int:item_id>/snooze/", release_views.snooze, name="snooze"),
    path("items/<int:item_id>/escalation/", release_views.escalation, name="escalation"),
    path("items/<int:item_id>/handover/", release_views.handover, name="handover"),
]
