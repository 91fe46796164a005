"""The API for integrations and for people's scripts, its limits and its document; who may read the metrics."""

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
    "DESCRIPTION": "Post identity selfies; read what the ensemble and the bank's reviewers found. Every request "
    "carries `Authorization: Bearer <key>`: integrations send an API key, which an administrator creates under "
    "*Integrations* (`kyc_live_...`, or `kyc_test_...` for the sandbox); staff send a personal token to the addresses "
    "under `/retraining/` and `/records/`. `GET /me` tells whether a key works. Errors are problem documents "
    "(RFC 9457).",
    "SERVERS": [{"url": "/", "description": "The host that serves this document."}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kyc_review.core.openapi.without_empty_defaults",
    ],
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # In the order in which the reference shows them.
    "TAGS": [
        {"name": "submissions", "description": "For integrations: post selfies, read what became of them."},
        {"name": "webhooks", "description": "For integrations: hear of it instead of asking."},
        {"name": "retraining", "description": "For the bank's own people, with personal tokens."},
        {"name": "records", "description": "For auditors, with personal tokens: exports and dossiers."},
    ],
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "kyc_review.webhooks.models.Delivery.State",
        "ProposalState": "kyc_review.training.models.Proposal.State",
        "SnapshotState": "kyc_review.datasets.models.Snapshot.State",
        "JobState": "kyc_review.training.models.Job.State",
        "BundleState": "kyc_review.registry.states.BundleState",
    },
}

# What a scraper of /metrics sends as its bearer token. Empty: only requests from this machine itself are answered.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
