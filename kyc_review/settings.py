"""Settings, read from the environment only (.env.example lists every variable).

Secrets and addresses have no default: a process that lacks one stops at start and names it.
"""

from datetime import timedelta
from pathlib import Path

import environ
from celery.schedules import schedule
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Private state: originals, derivatives, bundles, snapshots. Never below a folder that a web server serves.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".local")))
BUNDLES_DIR = Path(env.str("BUNDLES_DIR", default=str(DATA_DIR / "bundles")))
BASELINE_BUNDLE = BASE_DIR / "detection" / "baseline"
# A reverse proxy that understands X-Accel-Redirect may serve derivatives; empty: Django streams them.
ACCEL_REDIRECT_PREFIX = env.str("ACCEL_REDIRECT_PREFIX", default="")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "kyc_review.audit",
    "kyc_review.accounts",
    "kyc_review.submissions",
    "kyc_review.webhooks",
    "kyc_review.scoring",
    "kyc_review.review",
    "kyc_review.evidence",
    "kyc_review.retraining",
    "kyc_review.insights",
    "kyc_review.demo",
]

MIDDLEWARE = [
    "kyc_review.request_ids.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kyc_review.accounts.duties.Duties",
    "kyc_review.accounts.limits.RateLimitHeaders",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "kyc_review.urls"
WSGI_APPLICATION = "kyc_review.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kyc_review.branding.branding",
            ]
        },
    }
]

# The bank's name in the bar, and absolute paths of its logo and of a style sheet that comes after all others.
BRAND_NAME = env.str("BRAND_NAME", default="KYC Review")
BRAND_LOGO = env.str("BRAND_LOGO", default="")
BRAND_CSS = env.str("BRAND_CSS", default="")

DATABASES = {"default": env.db_url("DATABASE_URL")}
if not DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # SQLite accepts SKIP LOCKED and ignores it: two workers would score the same selfie.
    raise environ.ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database: postgres://user:pass@host/name"
    )
DATABASES["default"] |= {
    "ENGINE": "kyc_review.postgres",
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/review/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# Wrong passwords lock a name for one address; the address comes from the proxy as far as TRUSTED_PROXIES says so.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES_MAX", default=5)
LOGIN_LOCK_S = env.int("LOGIN_LOCK_S", default=900)
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_LOCK_S)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "kyc_review.accounts.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "kyc_review.accounts.login.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # our own audit log tells who logged in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Beside "password": what never enters the table of failed attempts.
AXES_SENSITIVE_PARAMETERS = ["code", "old_password", "new_password1", "new_password2"]
# The second factor: django-allauth keeps and checks it, our own pages show it. None of its URLs is routed.
REQUIRE_SECOND_FACTOR = env.list("REQUIRE_SECOND_FACTOR", default=[])
MFA_ADAPTER = "kyc_review.accounts.second_factor.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = BRAND_NAME
MFA_TOTP_TOLERANCE = 1  # a telephone's clock may be half a minute off
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = [
    "username*",
    "password1*",
]  # nobody signs up; without it allauth wants e-mail addresses
# A session ends with the browser, and after half a day without a request.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True

# What a scraper of /metrics sends as its bearer token. Empty: only requests from this machine itself are answered.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- transport ------------------------------------------------------------------------------------------
# HTTPS=false is for the loopback demo only; cookies travel over TLS otherwise.
HTTPS = env.bool("HTTPS", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=False)
if env.bool("TRUST_PROXY_TLS_HEADER", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- files ----------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None  # set: served from there, after collectstatic
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is stored by accident
    "originals": {
        "BACKEND": "kyc_review.submissions.storage.PrivateStorage",
        "OPTIONS": {"location": str(DATA_DIR / "originals")},
    },
    "derivatives": {
        "BACKEND": "kyc_review.submissions.storage.PrivateStorage",
        "OPTIONS": {"location": str(DATA_DIR / "derivatives")},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
UPLOAD_MAX_BYTES = 15_000_000
# The whole request: image, text fields and multipart framing.
REQUEST_MAX_BYTES = UPLOAD_MAX_BYTES + 100_000
# base64 takes four characters for three bytes; a batch shares the same limit.
JSON_MAX_BYTES = UPLOAD_MAX_BYTES * 4 // 3 + 100_000
FILE_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES  # never spooled to a shared temporary folder

# --- Celery: the broker is a hint, the database is the truth ----------------------------------------------
VALKEY_URL = env.str("VALKEY_URL")
CELERY_BROKER_URL = VALKEY_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's message returns after seconds instead of minutes (measured: 6.5 s instead of 101 s).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "socket_keepalive": True,
}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "kyc_review.scoring.tasks.score_pending": {"queue": "scoring"},
    "kyc_review.scoring.tasks.score_canary": {"queue": "scoring"},
    "kyc_review.retraining.tasks.work_due": {"queue": "training"},
    "kyc_review.evidence.tasks.compute_pending": {"queue": "evidence"},
}
CELERY_BEAT_SCHEDULE = {
    "sandbox-advance": {
        "task": "kyc_review.submissions.tasks.advance_sandbox",
        "schedule": schedule(run_every=2),
        "options": {"expires": 2},
    },
    "idempotency-expire": {
        "task": "kyc_review.submissions.tasks.expire_idempotency",
        "schedule": schedule(run_every=3600),
        "options": {"expires": 3600},
    },
    "originals-sweep": {
        "task": "kyc_review.submissions.tasks.sweep_orphans",
        "schedule": schedule(run_every=6 * 3600),
        "options": {"expires": 3600},
    },
    "erasures-sweep": {
        "task": "kyc_review.submissions.tasks.sweep_erasures",
        "schedule": schedule(run_every=30),
        "options": {"expires": 30},
    },
    "snapshots-build": {
        "task": "kyc_review.retraining.tasks.build_snapshots",
        "schedule": schedule(run_every=15),
        "options": {"expires": 30},
    },
    "training-schedule": {
        "task": "kyc_review.retraining.tasks.retrain_on_schedule",
        "schedule": schedule(run_every=3600),
        "options": {"expires": 1800},
    },
    "training-sweep": {
        "task": "kyc_review.retraining.tasks.work_due",
        "schedule": schedule(run_every=15),
        "options": {"expires": 15},
    },
    # expires: a sweep that waited behind a stopped worker says nothing new.
    "scoring-sweep": {
        "task": "kyc_review.scoring.tasks.sweep",
        "schedule": schedule(run_every=3),
        "options": {"expires": 10},
    },
    "scoring-canary": {
        "task": "kyc_review.scoring.tasks.score_canary",
        "schedule": schedule(run_every=60),
        "options": {"expires": 55},
    },
    "evidence-sweep": {
        "task": "kyc_review.evidence.tasks.sweep",
        "schedule": schedule(run_every=10),
        "options": {"expires": 20},
    },
    "evidence-measure": {
        "task": "kyc_review.evidence.tasks.measure",
        "schedule": schedule(run_every=600),
        "options": {"expires": 300},
    },
    "webhooks-sweep": {
        "task": "kyc_review.webhooks.tasks.deliver_due",
        "schedule": schedule(run_every=3),
        "options": {"expires": 10},
    },
    "review-sweep": {
        "task": "kyc_review.review.tasks.sweep",
        "schedule": schedule(run_every=2),
        "options": {"expires": 10},
    },
}

# --- scoring ----------------------------------------------------------------------------------------------
SCORING_BATCH_MAX = env.int("SCORING_BATCH_MAX", default=32)
SCORING_LEASE_S = env.int("SCORING_LEASE_S", default=60)
SCORING_ATTEMPTS_MAX = env.int("SCORING_ATTEMPTS_MAX", default=3)
# The web process is not ready when nothing was scored, not even the canary, for so long.
CANARY_MAX_AGE_S = env.int("CANARY_MAX_AGE_S", default=300)
SCORING_DEVICE = env.str("SCORING_DEVICE", default="auto")
SCORING_THREADS = env.int("SCORING_THREADS", default=0)  # 0: one per core

# --- evidence ---------------------------------------------------------------------------------------------
EVIDENCE_LEASE_S = env.int("EVIDENCE_LEASE_S", default=60)
EVIDENCE_ATTEMPTS_MAX = env.int("EVIDENCE_ATTEMPTS_MAX", default=2)
EVIDENCE_PATIENCE_S = env.float("EVIDENCE_PATIENCE_S", default=10.0)
# Second opinions beside those that ship: folders as `python -m ml run --export` writes them.
OPINIONS_DIR = Path(env.str("OPINIONS_DIR", default=str(DATA_DIR / "opinions")))

# --- review -----------------------------------------------------------------------------------------------
CLAIM_LEASE_S = env.int("CLAIM_LEASE_S", default=600)
# A decision can be taken back for so long; its submission completes, and its webhook is sent, after it.
UNDO_WINDOW_S = env.int("UNDO_WINDOW_S", default=10)
HANDOVER_S = env.int("HANDOVER_S", default=4 * 3600)
REVIEW_SLA_S = env.int("REVIEW_SLA_S", default=4 * 3600)
# Share of items whose votes and evidence stay hidden until a first call. Gold, audit and second opinions always are:
# below 1, a blind item is a little more likely to be one of them.
BLIND_SHARE = env.float("BLIND_SHARE", default=1.0)
GOLD_RATE = env.float("GOLD_RATE", default=0.03)
SECOND_OPINION_SHARE = env.float("SECOND_OPINION_SHARE", default=0.0)
# A fake at or above this risk needs a second person; risks end at 1, so 2 asks for none.
SECOND_OPINION_FAKE_RISK = env.float("SECOND_OPINION_FAKE_RISK", default=2.0)
# Cleared submissions that people look at all the same: this share of all of them, and besides up to this share of
# those that were cleared most narrowly (in proportion to the risk).
AUDIT_SHARE = env.float("AUDIT_SHARE", default=0.01)
AUDIT_RISK_SHARE = env.float("AUDIT_RISK_SHARE", default=0.02)

# --- webhooks ---------------------------------------------------------------------------------------------
# Seals endpoints' secrets in the database; empty: derived from SECRET_KEY. Several: the first seals, all open.
WEBHOOK_SECRETS_KEY = env.list("WEBHOOK_SECRETS_KEY", default=[])
# Receivers in the bank's own network; every other host must have public addresses and TLS.
WEBHOOK_ALLOWED_HOSTS = [host.lower() for host in env.list("WEBHOOK_ALLOWED_HOSTS", default=[])]

# --- API --------------------------------------------------------------------------------------------------
API_RATE_PER_MINUTE = env.int("API_RATE_PER_MINUTE", default=12_000)
# Requests with ?wait= that may hold a thread of a web process at once; the others answer without waiting.
API_WAITERS_MAX = env.int("API_WAITERS_MAX", default=8)
# Proxies (addresses or networks) whose X-Forwarded-For tells where a request comes from.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["kyc_review.accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["kyc_review.accounts.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["kyc_review.accounts.limits.KeyRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["kyc_review.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "kyc_review.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "KYC selfie review API",
    "DESCRIPTION": "Post identity selfies; read what the ensemble and the bank's reviewers found.",
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
    ],
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "kyc_review.webhooks.models.Delivery.State",
        "ProposalState": "kyc_review.retraining.models.Proposal.State",
        "SnapshotState": "kyc_review.retraining.models.Snapshot.State",
        "WorkState": "kyc_review.retraining.models.Work.State",
        "BundleState": "kyc_review.retraining.lineage.BundleState",
    },
}

# --- retraining -------------------------------------------------------------------------------------------
# How many of the latest submissions a comparison of two bundles scores again.
REPLAY_MAX = env.int("REPLAY_MAX", default=2000)
# A field of submissions' metadata by whose values a comparison also counts, as "branch" or "age_band"; empty: none.
COMPARISON_GROUP_FIELD = env.str("COMPARISON_GROUP_FIELD", default="")
# Freeze the decisions and train a candidate every so many days; 0: only when asked. Nothing is promoted by itself.
RETRAIN_EVERY_DAYS = env.int("RETRAIN_EVERY_DAYS", default=0)
# So many decisions that no snapshot holds, or an audit's bound above this share, suggest retraining.
RETRAIN_SUGGEST_DECISIONS = env.int("RETRAIN_SUGGEST_DECISIONS", default=500)
AUDIT_BOUND_MAX = env.float("AUDIT_BOUND_MAX", default=0.05)

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "kyc_review.logs.formatter", "form": LOG_FORMAT}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A sweep every three seconds, four lines each, would hide everything else.
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("PIL", "celery.beat", "celery.worker.strategy", "celery.app.trace")
    }
    # Every request has its line in production; on the console of one machine, those that failed.
    | ({"kyc_review.requests": {"level": "WARNING"}} if LOG_FORMAT == "text" else {}),
}
