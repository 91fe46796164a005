from django.urls import path

from kyc_review.retraining import (
    gate_views,
    new_snapshot_views,
    promotion_views,
    run_views,
    shadow_views,
    snapshot_views,
    views,
    waiting_views,
)

app_name = "retraining"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("waiting/", waiting_views.waiting, name="waiting"),
    path("waiting/seen/", waiting_views.seen, name="seen"),
    path("snapshots/", views.snapshots, name="snapshots"),
    path("new-snapshot/", new_snapshot_views.new_snapshot, name="new_snapshot"),
    path("snapshots/<slug:name>/", snapshot_views.snapshot, name="snapshot"),
    path("snapshots/<slug:name>/means/<int:number>/", snapshot_views.mean, name="mean"),
    path("snapshots/<slug:name>/faces/<uuid:submission_id>/", snapshot_views.face, name="face"),
    path("snapshots/<slug:name>/faces/<uuid:submission_id>/blurred/", snapshot_views.blurred, name="blurred"),
    path("snapshots/<slug:name>/manifest/", views.manifest, name="manifest"),
    path("snapshots/<slug:name>/archive/", views.archive, name="archive"),
    path("comparisons/", promotion_views.comparisons, name="comparisons"),
    path("comparisons/<int:number>/", promotion_views.comparison, name="comparison"),
    path("comparisons/<int:number>/proposals/", promotion_views.proposals, name="proposals"),
    path("proposals/<int:number>/approval/", promotion_views.approval, name="approval"),
    path("proposals/<int:number>/rejection/", promotion_views.rejection, name="rejection"),
    path("proposals/<int:number>/evidence/", promotion_views.proposal_evidence, name="proposal_evidence"),
    path("promotions/<int:number>/evidence/", promotion_views.evidence, name="evidence"),
    path("gate/", gate_views.gate_settings, name="gate"),
    path("gate/proposals/<int:number>/approval/", gate_views.gate_approval, name="gate_approval"),
    path("gate/proposals/<int:number>/rejection/", gate_views.gate_rejection, name="gate_rejection"),
    path("rollback/", promotion_views.rollback, name="rollback"),
    path("shadow/", shadow_views.shadow, name="shadow"),
    path("shadow/end/", shadow_views.end, name="shadow_end"),
    path("runs/", run_views.runs, name="runs"),
    path("runs/new/", run_views.new_run, name="new_run"),
    path("runs/<int:number>/", run_views.run, name="run"),
    path("runs/<int:number>/cancellation/", run_views.cancellation, name="cancellation"),
]
