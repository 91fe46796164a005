"""How the OpenAPI document describes the endpoints of records."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view

from kyc_review.core.openapi import MALFORMED, error_responses, response_header
from kyc_review.records.api.incoming import DossierIn, ExportIn

TOKEN = {
    "e401": "The personal token is missing, unknown, expired or revoked, or its owner has left.",
    "e403": "Not an admin or auditor, or one who also decides on faces.",
}


def _export(operation: str, summary: str, description: str) -> Any:
    """Describes an export that streams one table."""
    described = TOKEN | {"e400": MALFORMED, "e501": "The server lacks the library for this format."}
    types = ("application/x-ndjson", "text/csv", "application/vnd.apache.parquet")
    file = OpenApiResponse(OpenApiTypes.BINARY, description="The file, streamed.")
    return extend_schema_view(
        get=extend_schema(
            operation_id=operation,
            summary=summary,
            description=f"{description} Oldest first; the columns are in docs/records.md. The audit log has the "
            "export with its rows and SHA-256, as the event `export.ended` whose target is `X-Export-Id`.",
            tags=["records"],
            parameters=[ExportIn, response_header("X-Export-Id", "Names the export in the audit log.", 200)],
            responses={(200, kind): file for kind in types} | error_responses(**described),
        )
    )


export_decisions = _export(
    "export_decisions",
    "Export people's decisions",
    "Of whole days in UTC: each with the votes, thresholds and checks of its picture.",
)
export_outcomes = _export(
    "export_outcomes",
    "Export results of submissions",
    "Of whole days in UTC, also those that no person decided: each with votes, thresholds and checks.",
)
export_planted_forgeries = _export(
    "export_planted_forgeries",
    "Export planted forgeries",
    "Those planted on whole days in UTC: each with its edit, what models and people found, votes and checks.",
)
export_audit_events = _export(
    "export_audit_events", "Export the audit log", "Of whole days in UTC, every event."
)
download_dossier = extend_schema(
    operation_id="download_dossier",
    summary="Download all that is stored about a submission",
    description="One signed zip, for an auditor or for the applicant (GDPR, article 15); docs/records.md lists its "
    "files. `manage.py evidence verify` checks it. Pictures are in it only where the owner of the token may see faces. "
    "The download is in the audit log.",
    tags=["records"],
    parameters=[DossierIn],
    responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The archive.")}
    | error_responses(
        **TOKEN,
        e400=MALFORMED,
        e404="There is no such submission.",
        e409="A planted forgery has no applicant; ask for the dossier of the auditor.",
        e503="The server cannot read the signing key; `detail` says what to do.",
    ),
)
