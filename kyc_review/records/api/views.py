"""Exports and dossiers by API, with a personal token of an admin or auditor."""

from uuid import UUID

from django.http.response import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from kyc_review.audit.archives import archive_response
from kyc_review.core.api import query_params
from kyc_review.core.permissions import may_read_audit_log
from kyc_review.insights.search import submissions_visible
from kyc_review.records.api import describing
from kyc_review.records.api.incoming import DossierIn, ExportIn
from kyc_review.records.columns import Period
from kyc_review.records.dossier import Audience, dossier_file
from kyc_review.records.exports import export_response, may_export, table_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format, writer_of
from kyc_review.retraining.api.base import RetrainingView, viewer_of


class ExportView(RetrainingView):
    """One table; the URL conf names it."""

    allowed = {"GET": may_export}
    query = {"GET": ExportIn}
    records = ""

    def get(self, request: Request) -> HttpResponseBase:
        asked = query_params(ExportIn, request)
        made = table_export(
            table=TABLES[self.records],
            period=Period(asked["since"], asked["until"]),
            format=Format(asked["format"]),
            actor=viewer_of(request),
        )
        return export_response(made)

    def head(self, request: Request) -> HttpResponseBase:
        """What a GET would begin with; nothing is given out, so the log says nothing."""
        asked = query_params(ExportIn, request)
        return HttpResponse(content_type=writer_of(TABLES[self.records], Format(asked["format"])).media_type)


@describing.export_decisions
class DecisionsView(ExportView):
    records = "decisions"


@describing.export_outcomes
class OutcomesView(ExportView):
    records = "outcomes"


@describing.export_planted_forgeries
class PlantedForgeriesView(ExportView):
    records = "planted-forgeries"


@describing.export_audit_events
class AuditEventsView(ExportView):
    records = "audit-events"


class DossierView(RetrainingView):
    allowed = {"GET": may_read_audit_log}
    query = {"GET": DossierIn}

    @describing.download_dossier
    def get(self, request: Request, submission_id: UUID) -> HttpResponseBase:
        audience, viewer = Audience(query_params(DossierIn, request)["audience"]), viewer_of(request)
        row = get_object_or_404(submissions_visible(viewer=viewer), pk=submission_id)
        packed = dossier_file(submission=row, audience=audience, viewer=viewer)
        return archive_response(packed, f"dossier-{audience}-{row.pk}.zip")
