"""The gate's settings by API: read by admins and auditors, changed by admins."""

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.retraining.api.base import RetrainingView, page, viewer_of
from kyc_review.retraining.api.describing import gate as describing
from kyc_review.retraining.api.incoming import PageIn
from kyc_review.retraining.api.serializers.gate import GateSettingsIn, GateSettingsOut, RefusedTrainingOut
from kyc_review.training.gate_limits import (
    Limits,
    gate_settings_change,
    gate_settings_history,
    gate_settings_version,
)
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
        gate_settings_change(
            limits=sent.limits(),
            reason=sent.validated_data["reason"],
            actor=viewer_of(request),
            version=sent.validated_data.get("version"),
        )
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
            "reason": change.reason,
            "limits": [
                {"name": name, "before": before, "after": after} for name, before, after in change.limits
            ],
        }
        for change in gate_settings_history(viewer=viewer)
    ]
    version = gate_settings_version()
    shown: Any = asdict(Limits.current()) | {
        "version": version,
        "history": changes,
    }  # read by its keys, as a row by its fields
    return dict(GateSettingsOut(shown).data)
