"""What Django itself asks for: applications, database, language, log."""

import environ

from kyc_review.settings.environment import BASE_DIR, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
# Earlier values, which still decrypt and verify (docs/backup.md).
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "kyc_review.audit",
    "kyc_review.encryption",
    "kyc_review.accounts",
    "kyc_review.submissions",
    "kyc_review.webhooks",
    "kyc_review.notices",
    "kyc_review.scoring",
    "kyc_review.pipeline",
    "kyc_review.review",
    "kyc_review.evidence",
    "kyc_review.workbench",
    "kyc_review.registry",
    "kyc_review.datasets",
    "kyc_review.training",
    "kyc_review.retraining",
    "kyc_review.planting",
    "kyc_review.lifecycle",
    "kyc_review.insights",
    "kyc_review.records",
    "kyc_review.demo",
]

MIDDLEWARE = [
    "kyc_review.core.request_ids.RequestIds",
    "kyc_review.core.request_traces.RequestTraces",
    "kyc_review.core.request_metrics.RequestMetrics",
    "kyc_review.accounts.request_log.RequestLog",
    "kyc_review.core.api_paths.ApiPaths",
    "kyc_review.core.charsets.Utf8Only",
    "kyc_review.submissions.api.overload.RefuseWhenFull",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kyc_review.accounts.sessions.activity.SessionActivity",
    "allauth.account.middleware.AccountMiddleware",
    "kyc_review.accounts.languages.ReaderLanguage",
    "kyc_review.accounts.time_zones.ReaderTimeZone",
    # Inside of both: it writes lazy texts into the session when the answer is made.
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kyc_review.accounts.required_actions.Duties",
    "kyc_review.accounts.rate_limits.RateLimitHeaders",
    "axes.middleware.AxesMiddleware",
    "kyc_review.core.not_allowed.NotAllowedPage",
]

# `manage.py audit verify` compares these records with their events.
AUDITED_RECORDS = [
    "kyc_review.encryption.audited.KINDS",
    "kyc_review.accounts.audited.KINDS",
    "kyc_review.registry.audited.KINDS",
    "kyc_review.submissions.audited.KINDS",
    "kyc_review.scoring.audited.KINDS",
    "kyc_review.review.audited.KINDS",
    "kyc_review.training.audited.KINDS",
    "kyc_review.planting.audited.KINDS",
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
                "kyc_review.core.branding.branding",
            ],
            "builtins": [
                "kyc_review.core.template_times",
                "kyc_review.core.template_texts",
                "kyc_review.core.script_texts",
            ],
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL")}
if not DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # SQLite accepts SKIP LOCKED and ignores it: two workers would score the same selfie.
    raise environ.ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database: postgres://user:pass@host/name"
    )
DATABASES["default"] |= {
    "ENGINE": "kyc_review.core.db",
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
    # Behind a pooler that gives each transaction any connection (docs/deploy.md): read by kyc_review.core.db.
    "TRANSACTION_POOLING": env.bool("DATABASE_TRANSACTION_POOLING", default=False),
}
# Seconds that a statement of a web request waits for a lock before it is answered 503; 0: without end.
REQUEST_LOCK_WAIT_S = env.int("REQUEST_LOCK_WAIT_S", default=5)
# Seconds that one statement of a web request may take; 5 s later its connection is given up. 0: without end.
REQUEST_STATEMENT_WAIT_S = env.int("REQUEST_STATEMENT_WAIT_S", default=30)
# Seconds that a web process waits for the next rows of an export, instead of those 35. 0: without end.
EXPORT_WAIT_S = env.int("EXPORT_WAIT_S", default=1800)
# Seconds after which a worker gives up a connection on which no answer came; the server's limits stay. 0: never.
WORKER_ANSWER_WAIT_S = env.int("WORKER_ANSWER_WAIT_S", default=900)
# Owns the tables; only `manage.py prepare` uses it. Empty: the application's role owns them itself (docs/audit.md).
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Texts are written in English; locale/ holds the others. Names of languages are in their own language.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "kyc_review.core.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "kyc_review.core.logs.formatter", "form": LOG_FORMAT}},
    "filters": {
        "no_second_line": {
            "()": "django.utils.log.CallbackFilter",
            "callback": "ext://kyc_review.core.logs.says_more_than_the_request_line",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A sweep every three seconds, four lines each, would hide everything else.
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("PIL", "botocore", "celery.beat", "celery.worker.strategy", "celery.app.trace")
    }
    # It writes what was typed as a name, which may be a password; the audit log has failed logins and locks.
    | {"axes": {"level": "ERROR"}}
    # Every request has its line in production; on the console of one machine, those that failed.
    | ({"kyc_review.requests": {"level": "WARNING"}} if LOG_FORMAT == "text" else {})
    | {"django.request": {"filters": ["no_second_line"]}},
}
