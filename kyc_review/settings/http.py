"""What a browser meets: the bank's name, transport, static files, images, uploads."""

import environ
from csp.constants import NONE, SELF

from detection.decoding.limits import MAX_PIXELS_EVER, Limits
from kyc_review.settings.environment import BASE_DIR, env

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
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=Limits().max_bytes)
UPLOAD_MAX_PIXELS = env.int("UPLOAD_MAX_PIXELS", default=Limits().max_pixels)
if UPLOAD_MAX_PIXELS > MAX_PIXELS_EVER:
    raise environ.ImproperlyConfigured(
        f"UPLOAD_MAX_PIXELS is {UPLOAD_MAX_PIXELS}: expected at most {MAX_PIXELS_EVER}, more is never decoded"
    )
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
