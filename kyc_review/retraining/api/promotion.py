"""From candidate to champion by API: bundles, the shadow, proposals of one and decisions of another, the way back."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.audit.archives import archive_response
from kyc_review.core.api import query_params
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.datasets.erasure_marks import bundle_marks
from kyc_review.datasets.selectors import unused_counted
from kyc_review.registry.bundles import bundle_rollback
from kyc_review.registry.models import Shadow
from kyc_review.registry.selectors import bundles_listed, promotions_listed
from kyc_review.registry.shadows import ShadowRefused, shadow_end, shadow_now, shadow_start, shadows_listed
from kyc_review.registry.states import bundle_states, model_card
from kyc_review.retraining.api.base import (
    RetrainingView,
    created_response,
    lookup_or_400,
    page,
    read,
    viewer_of,
)
from kyc_review.retraining.api.describing import promotion as describing
from kyc_review.retraining.api.incoming import (
    ApprovalIn,
    BundlePageIn,
    PageIn,
    ProposalIn,
    ProposalPageIn,
    RemarkIn,
    RollbackIn,
    ShadowIn,
)
from kyc_review.retraining.api.serializers.bundles import BundleOut
from kyc_review.retraining.api.serializers.promotion import (
    BesideOut,
    PromotionOut,
    ProposalOut,
    ShadowOut,
    SignalOut,
)
from kyc_review.retraining.evidence_pack import promotion_pack
from kyc_review.scoring.shadow_scores import shadow_comparison
from kyc_review.training.lineage import lineage
from kyc_review.training.models import Proposal
from kyc_review.training.proposals import proposal_approve, proposal_open, proposal_reject
from kyc_review.training.selectors import comparisons_listed, proposals_listed
from kyc_review.training.signals import retraining_signals


class SignalsView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.read_signals
    def get(self, request: Request) -> Response:
        viewer = viewer_of(request)
        unused = unused_counted(viewer=viewer)
        watched = retraining_signals(viewer=viewer, unused=unused)
        body = {
            "calls": any(signal.calls for signal in watched),
            "signals": SignalOut(watched, many=True).data,
            "unused_decisions": unused.number,
            "every_days": settings.RETRAIN_EVERY_DAYS,
        }
        return Response(body)


class BundlesView(RetrainingView):
    allowed = {"GET": may_see_retraining}
    query = {"GET": BundlePageIn}

    @describing.list_bundles
    def get(self, request: Request) -> Response:
        viewer = viewer_of(request)
        rows, more = page(request, bundles_listed(viewer=viewer), BundlePageIn, key="digest")
        marks = bundle_marks(viewer=viewer, bundles=rows)
        context = {"states": bundle_states(viewer=viewer), "marks": marks}
        return Response({"data": BundleOut(rows, many=True, context=context).data} | more)


class BundleView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.retrieve_bundle
    def get(self, request: Request, digest: str) -> Response:
        viewer = viewer_of(request)
        row = get_object_or_404(bundles_listed(viewer=viewer), digest=digest)
        marks = bundle_marks(viewer=viewer, bundles=[row])
        context = {"states": bundle_states(viewer=viewer), "marks": marks}
        steps = promotions_listed(viewer=viewer).filter(bundle=row)
        more = {
            "lineage": asdict(lineage(viewer=viewer, bundle=row)),
            "provenance": row.provenance,
            "metrics": row.metrics,
            "promotions": PromotionOut(steps, many=True).data,
            "model_card": model_card(row),
        }
        return Response(dict(BundleOut(row, context=context).data) | more)


class ProposalsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_promote}
    query = {"GET": ProposalPageIn}

    @describing.list_proposals
    def get(self, request: Request) -> Response:
        rows, more = page(request, proposals(request), ProposalPageIn)
        return Response({"data": ProposalOut(rows, many=True).data} | more)

    @describing.create_proposal
    def post(self, request: Request) -> Response:
        request_body, viewer = read(ProposalIn, request), viewer_of(request)
        compared = comparisons_listed(viewer=viewer)
        request_body["comparison"] = lookup_or_400(
            compared, "comparison", "a comparison", pk=request_body["comparison"]
        )
        row = proposal_open(actor=viewer, **request_body)
        return created_response(request, ProposalOut(row).data, at="api-proposal", key=row.pk, status=201)


class ProposalView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.retrieve_proposal
    def get(self, request: Request, number: int) -> Response:
        return Response(ProposalOut(get_object_or_404(proposals(request), pk=number)).data)


class ApprovalView(RetrainingView):
    allowed = {"POST": may_promote}

    @describing.approve_proposal
    def post(self, request: Request, number: int) -> Response:
        return decided(request, number, proposal_approve, ApprovalIn)


class RejectionView(RetrainingView):
    allowed = {"POST": may_promote}

    @describing.reject_proposal
    def post(self, request: Request, number: int) -> Response:
        return decided(request, number, proposal_reject)


class PromotionsView(RetrainingView):
    allowed = {"GET": may_see_retraining}
    query = {"GET": PageIn}

    @describing.list_promotions
    def get(self, request: Request) -> Response:
        rows, more = page(request, promotions_listed(viewer=viewer_of(request)), PageIn)
        return Response({"data": PromotionOut(rows, many=True).data} | more)


class EvidenceView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.download_evidence
    def get(self, request: Request, number: int) -> HttpResponseBase:
        viewer = viewer_of(request)
        row = get_object_or_404(promotions_listed(viewer=viewer), pk=number)
        return archive_response(
            promotion_pack(promotion=row, actor=viewer), f"evidence-promotion-{row.pk}.zip"
        )


class RollbackView(RetrainingView):
    allowed = {"POST": may_promote}

    @describing.roll_back
    def post(self, request: Request) -> Response:
        step = bundle_rollback(actor=viewer_of(request), **read(RollbackIn, request))
        return Response(PromotionOut(step).data, status=201)


class ShadowView(RetrainingView):
    allowed = {"GET": may_see_retraining, "PUT": may_promote, "DELETE": may_promote}
    query = {"DELETE": RemarkIn}

    @describing.read_shadow
    def get(self, request: Request) -> Response:
        latest = shadows_listed(viewer=viewer_of(request)).first()
        if latest is None:
            raise Http404
        return Response(shadow_whole(request, latest))

    @describing.start_shadow
    def put(self, request: Request) -> Response:
        """The same bundle again changes nothing; another one has to wait for this one's end."""
        viewer = viewer_of(request)
        wanted = lookup_or_400(
            bundles_listed(viewer=viewer),
            "bundle",
            "a bundle's digest",
            digest=read(ShadowIn, request)["bundle"],
        )
        running = shadow_now()
        if running is None or running.bundle_id != wanted.pk:
            running = shadow_start(bundle=wanted, actor=viewer)
        return Response(shadow_whole(request, running))

    @describing.end_shadow
    def delete(self, request: Request) -> Response:
        running = shadow_now()
        if running is None:
            raise ShadowRefused("No bundle is in shadow mode.")
        shadow_end(shadow=running, actor=viewer_of(request), **query_params(RemarkIn, request))
        running.refresh_from_db()
        return Response(shadow_whole(request, running))


def proposals(request: Request) -> QuerySet[Proposal]:
    """Proposals that the token may see."""
    return proposals_listed(viewer=viewer_of(request))


def decided(
    request: Request,
    number: int,
    decide: Callable[..., Proposal],
    body: type[RemarkIn] = RemarkIn,
) -> Response:
    """Close the proposal with `decide` and the fields of the body. Raises Http404, ProposalRefused."""
    row = get_object_or_404(proposals(request), pk=number)
    done = decide(proposal=row, actor=viewer_of(request), **read(body, request))
    return Response(ProposalOut(done).data)


def shadow_whole(request: Request, row: Shadow) -> dict[str, Any]:
    """The shadow with its comparison to the champion."""
    counts = BesideOut(shadow_comparison(viewer=viewer_of(request), shadow=row)).data
    return dict(ShadowOut(row).data) | {"counts": counts}
