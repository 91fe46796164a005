"""What a browser meets: the bank's name, transport, static files, images, uploads."""

from pathlib import Path

from csp.constants import NONE, SELF

from kyc_review.settings.environment import BASE_DIR, BUNDLES_DIR, DATA_DIR, env

# The bank's name in the bar, and absolute paths of its logo and of a style sheet that comes after all others.
BRAND_NAME = env.str("BRAND_NAME", default="KYC Review")
BRAND_LOGO = env.str("BRAND_LOGO", default="")
BRAND_CSS = env.str("BRAND_CSS", default="")

# --- transport ------------------------------------------------------------------------------------------
# HTTPS=false is for the loopback demo only; cookies travel over TLS otherwise.
HTTPS = env.bool("HTTPS", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
# Browsers keep a cookie of this name only from this very host, over TLS and for the whole path, so that no neighbour
# of the same domain can set it (RFC 6265bis, 4.1.3.2). static/js/theme.js writes `time_zone` by the same rule.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = COOKIE_PREFIX + "sessionid"
CSRF_COOKIE_NAME = COOKIE_PREFIX + "csrftoken"
LANGUAGE_COOKIE_NAME = COOKIE_PREFIX + "django_language"
TIME_ZONE_COOKIE_NAME = COOKIE_PREFIX + "time_zone"
# Strict-Transport-Security; only answers over TLS carry it, as far as Django knows (TRUST_PROXY_TLS_HEADER).
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
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
# Encryption is independent of where files are: another backend takes the place of the inner one.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is stored by accident
    "originals": {
        "BACKEND": "kyc_review.encryption.storage.EncryptedStorage",
        "OPTIONS": {
            "name": "originals",
            "beneath": {
                "BACKEND": "kyc_review.submissions.storage.DurableStorage",
                "OPTIONS": {"location": str(DATA_DIR / "originals")},
            },
        },
    },
    "derivatives": {
        "BACKEND": "kyc_review.encryption.storage.EncryptedStorage",
        "OPTIONS": {
            "name": "derivatives",
            "beneath": {
                "BACKEND": "kyc_review.submissions.storage.PrivateStorage",
                "OPTIONS": {"location": str(DATA_DIR / "derivatives")},
            },
        },
    },
    # Folders of files: a local storage is used in place, from any other workers keep copies (LOCAL_COPIES_DIR).
    "bundles": {
        "BACKEND": "kyc_review.submissions.storage.PrivateStorage",
        "OPTIONS": {"location": str(BUNDLES_DIR)},
    },
    "snapshots": {
        "BACKEND": "kyc_review.submissions.storage.PrivateStorage",
        "OPTIONS": {"location": str(DATA_DIR / "snapshots")},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Copies of bundles and snapshots on this machine, where their storage is elsewhere. What is in use stays, also above
# the limit.
LOCAL_COPIES_DIR = Path(env.str("LOCAL_COPIES_DIR", default=str(DATA_DIR / "copies")))
LOCAL_COPIES_MAX_BYTES = env.int("LOCAL_COPIES_MAX_BYTES", default=20_000_000_000)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=25_000_000)
UPLOAD_MAX_PIXELS = env.int("UPLOAD_MAX_PIXELS", default=65_000_000)
# The whole request: image, text fields and multipart framing.
REQUEST_MAX_BYTES = UPLOAD_MAX_BYTES + 100_000
# base64 takes four characters for three bytes, and line breaks, escaped in JSON, six in a hundred more. A batch shares
# the same limit.
JSON_MAX_BYTES = UPLOAD_MAX_BYTES * 143 // 100 + 100_000
FILE_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES  # never spooled to a shared temporary folder

# --- decoders -------------------------------------------------------------------------------------------
# Every process that decodes pictures starts DECODER_PROCESSES decoders. A post waits for a free one at most
# DECODER_WAIT_S, and at most DECODER_WAITERS_MAX posts wait at once (each holds a thread of the web process), a quarter
# of them with very large pictures. Further posts are answered 503 with Retry-After.
DECODER_PROCESSES = env.int("DECODER_PROCESSES", default=2)
DECODER_WAIT_S = env.float("DECODER_WAIT_S", default=1.0)
DECODER_WAITERS_MAX = env.int("DECODER_WAITERS_MAX", default=16)
DECODER_RETRY_AFTER_S = env.int("DECODER_RETRY_AFTER_S", default=2)
# What one picture may cost. A picture of 64 megapixels with transparency needs 1.4 GB for a moment.
DECODER_CPU_S = env.int("DECODER_CPU_S", default=15)
DECODER_MEMORY_MB = env.int("DECODER_MEMORY_MB", default=2000)

# A reverse proxy that understands X-Accel-Redirect may serve derivatives; empty: Django streams them. It must not send
# the time of the file (nginx: `etag off; add_header Last-Modified "";`), which is older for calibration items.
ACCEL_REDIRECT_PREFIX = env.str("ACCEL_REDIRECT_PREFIX", default="")
