"""The API for integrations and for people's scripts, its limits and its document; who may read the metrics."""

import os
from importlib.util import find_spec

from environ import ImproperlyConfigured

from kyc_review.settings.environment import env

API_RATE_PER_MINUTE = env.int("API_RATE_PER_MINUTE", default=12_000)
# Requests with ?wait= that may hold a thread of a web process at once; the others answer without waiting.
API_WAITERS_MAX = env.int("API_WAITERS_MAX", default=8)
# Proxies (addresses or networks) whose X-Forwarded-For tells where a request comes from.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["kyc_review.accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["kyc_review.accounts.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["kyc_review.accounts.rate_limits.KeyRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["kyc_review.core.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "kyc_review.core.parsers.JsonOnly",
    "EXCEPTION_HANDLER": "kyc_review.core.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "KYC selfie review API",
    "DESCRIPTION": """\
Post identity selfies; read what the ensemble and the bank's reviewers found.

1. An administrator creates a key under *Integrations*: `kyc_test_...` for the sandbox, `kyc_live_...` for real selfies.
2. Send it with every request: `Authorization: Bearer kyc_test_...`. `GET /api/v1/me` says whether it works.
3. Send an `Idempotency-Key` of your own with every new submission, and the same one when you repeat the request.
4. Errors are problem documents (RFC 9457): act on `code` and the status, show `detail` to a person.
5. After 429 and 503 wait for the seconds of `Retry-After`; a webhook tells the result, or poll `GET /api/v1/events`.
""",
    "CONTACT": {"name": "The bank's administrators of this system"},
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": "/", "description": "The host that serves this document."}],
    "PREPROCESSING_HOOKS": ["kyc_review.core.openapi.for_integrations"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kyc_review.core.openapi.with_signatures",
        "kyc_review.core.openapi.with_closed_bodies",
        "kyc_review.core.openapi.without_empty_defaults",
    ],
    "WEBHOOKS": [
        f"kyc_review.webhooks.api.messages.{kind}"
        for kind in (
            "CLEARED",
            "QUEUED",
            "COMPLETED",
            "OVERTURNED",
            "APPEAL_DECIDED",
            "RESUBMIT_REQUESTED",
            "ERASED",
            "DISABLED",
            "TEST",
        )
    ],
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # In the order in which the reference shows them.
    "TAGS": [
        {"name": "submissions", "description": "Post selfies, read what became of them."},
        {"name": "webhooks", "description": "Hear of it instead of asking."},
        {"name": "messages", "description": "What this server sends to your webhook endpoints."},
    ],
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "kyc_review.webhooks.models.Delivery.State",
        "ProposalState": "kyc_review.training.models.Proposal.State",
        "SnapshotState": "kyc_review.datasets.models.Snapshot.State",
        "JobState": "kyc_review.training.models.Job.State",
        "BundleState": "kyc_review.registry.states.BundleState",
    },
}
# What docs/openapi-staff.yaml has otherwise (tools/openapi.sh).
STAFF_DOCUMENT = {
    "TITLE": "KYC selfie review: automation for staff",
    "DESCRIPTION": """\
The retraining loop and the records, for the bank's own scripts.

1. A person creates a token under *Your account*, *Tokens*: `kyc_person_...`; it has the rights of the person's role.
2. Send it with every request: `Authorization: Bearer kyc_person_...`. Keys of integrations do not work here.
3. A token only reads unless its owner chose otherwise, and lasts 90 days at most.
4. Errors are problem documents (RFC 9457): act on `code` and the status, show `detail` to a person.
5. What needs two people needs two people here too: the one who proposes cannot approve.
""",
    "PREPROCESSING_HOOKS": ["kyc_review.core.openapi.for_staff"],
    "WEBHOOKS": [],
    "TAGS": [
        {"name": "retraining", "description": "For admins and auditors, with personal tokens."},
        {"name": "records", "description": "For auditors, with personal tokens: exports and dossiers."},
    ],
}

# What a scraper of /metrics sends as its bearer token. Empty: only requests from this machine itself are answered.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where the processes of this host keep what they count, so that any of them reports for all; prometheus_client reads it
# from the environment, too. Empty: each process reports itself alone.
METRICS_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
if not METRICS_DIR:  # the library takes an empty name for a folder
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
# Where a worker serves its own /metrics; 0: nowhere, because a web process of the same host reports for it.
METRICS_WORKER_PORT = env.int("METRICS_WORKER_PORT", default=0)

# Base address of an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; empty: no traces. The
# exporter reads further OTEL_ variables, such as OTEL_EXPORTER_OTLP_HEADERS, by itself.
TRACES_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
TRACES_SERVICE = env.str("OTEL_SERVICE_NAME", default="kyc-review")
if TRACES_ENDPOINT and find_spec("opentelemetry.exporter") is None:
    raise ImproperlyConfigured(
        "OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: "
        "pip install --require-hashes -r requirements/tracing.txt"
    )
