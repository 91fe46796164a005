"""The gate's settings by API: read by admins and auditors; one admin proposes a change, another one decides."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.retraining.api.base import RetrainingView, page, read, viewer_of
from kyc_review.retraining.api.describing import gate as describing
from kyc_review.retraining.api.incoming import PageIn, RemarkIn
from kyc_review.retraining.api.serializers.gate import GateSettingsIn, GateSettingsOut, RefusedTrainingOut
from kyc_review.training.gate_changes import (
    gate_change_approve,
    gate_change_propose,
    gate_change_reject,
    gate_proposals_listed,
)
from kyc_review.training.gate_limits import Limits, differences, gate_settings_history, gate_settings_version
from kyc_review.training.models import GateProposal, Proposal
from kyc_review.training.selectors import refused_trainings_listed


class GateSettingsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "PUT": may_promote}

    @describing.read_gate_settings
    def get(self, request: Request) -> Response:
        return Response(gate_settings_whole(viewer_of(request)))

    @describing.change_gate_settings
    def put(self, request: Request) -> Response:
        sent = GateSettingsIn(data=request.data)
        sent.is_valid(raise_exception=True)
        gate_change_propose(
            limits=sent.limits(),
            reason=sent.validated_data["reason"],
            actor=viewer_of(request),
            version=sent.validated_data.get("version"),
        )
        return Response(gate_settings_whole(viewer_of(request)), status=202)


class GateApprovalView(RetrainingView):
    allowed = {"POST": may_promote}

    @describing.approve_gate_settings
    def post(self, request: Request, number: int) -> Response:
        return _decided(request, number, gate_change_approve)


class GateRejectionView(RetrainingView):
    allowed = {"POST": may_promote}

    @describing.reject_gate_settings
    def post(self, request: Request, number: int) -> Response:
        return _decided(request, number, gate_change_reject)


def _decided(request: Request, number: int, decide: Callable[..., object]) -> Response:
    row = get_object_or_404(GateProposal, pk=number)
    decide(proposal=row, actor=viewer_of(request), **read(RemarkIn, request))
    return Response(gate_settings_whole(viewer_of(request)))


class RefusedTrainingsView(RetrainingView):
    allowed = {"GET": may_see_retraining}
    query = {"GET": PageIn}

    @describing.list_refused_trainings
    def get(self, request: Request) -> Response:
        rows, more = page(request, refused_trainings_listed(viewer=viewer_of(request)), PageIn)
        return Response({"data": RefusedTrainingOut(rows, many=True).data} | more)


def gate_settings_whole(viewer: User) -> dict[str, Any]:
    """The limits that count now, with the history of their changes."""
    changes = [
        {
            "changed_at": change.changed_at,
            "changed_by": change.changed_by,
            "approved_by": change.approved_by or None,
            "reason": change.reason,
            "limits": _changed(change.limits),
        }
        for change in gate_settings_history(viewer=viewer)
    ]
    version = gate_settings_version()
    shown: Any = asdict(Limits.current()) | {
        "version": version,
        "proposed": _proposed(viewer),
        "history": changes,
    }  # read by its keys, as a row by its fields
    return dict(GateSettingsOut(shown).data)


def _proposed(viewer: User) -> dict[str, Any] | None:
    """The change that waits for a decision, or None."""
    for row in gate_proposals_listed(viewer=viewer):
        if row.state == Proposal.State.OPEN:
            return {
                "id": row.pk,
                "proposed_at": row.proposed_at,
                "proposed_by": str(row.proposed_by),
                "reason": row.reason,
                "limits": _changed(differences(row.before, row.limits)),
            }
    return None


def _changed(limits: Sequence[tuple[str, Any, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "before": before, "after": after} for name, before, after in limits]
