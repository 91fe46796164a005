from django.urls import path

from kyc_review.retraining.api import gate, jobs, promotion, snapshots

urlpatterns = [
    path("signals", promotion.SignalsView.as_view()),
    path("decisions", snapshots.DecisionsView.as_view()),
    path("snapshots", snapshots.SnapshotsView.as_view()),
    path("snapshots/<slug:name>", snapshots.SnapshotView.as_view(), name="api-snapshot"),
    path("snapshots/<slug:name>/verification", snapshots.VerificationView.as_view()),
    path("snapshots/<slug:name>/manifest", snapshots.ManifestView.as_view()),
    path("snapshots/<slug:name>/archive", snapshots.ArchiveView.as_view()),
    path("gate-settings", gate.GateSettingsView.as_view()),
    path("gate-settings/proposals/<int:number>/approval", gate.GateApprovalView.as_view()),
    path("gate-settings/proposals/<int:number>/rejection", gate.GateRejectionView.as_view()),
    path("refused-trainings", gate.RefusedTrainingsView.as_view()),
    path("runs", jobs.RunsView.as_view()),
    path("runs/<int:number>", jobs.RunView.as_view(), name="api-run"),
    path("runs/<int:number>/cancellation", jobs.CancellationView.as_view()),
    path("comparisons", jobs.ComparisonsView.as_view()),
    path("comparisons/<int:number>", jobs.ComparisonView.as_view(), name="api-comparison"),
    path("bundles", promotion.BundlesView.as_view()),
    path("bundles/<slug:digest>", promotion.BundleView.as_view()),
    path("proposals", promotion.ProposalsView.as_view()),
    path("proposals/<int:number>", promotion.ProposalView.as_view(), name="api-proposal"),
    path("proposals/<int:number>/approval", promotion.ApprovalView.as_view()),
    path("proposals/<int:number>/rejection", promotion.RejectionView.as_view()),
    path("promotions", promotion.PromotionsView.as_view()),
    path("promotions/<int:number>/evidence", promotion.EvidenceView.as_view()),
    path("rollback", promotion.RollbackView.as_view()),
    path("shadow", promotion.ShadowView.as_view()),
]
