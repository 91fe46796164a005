"""Who may come in: passwords, the second factor, sessions."""

from datetime import timedelta
from urllib.parse import urlsplit

from kyc_review.settings.base import PUBLIC_URL
from kyc_review.settings.environment import env
from kyc_review.settings.http import BRAND_NAME

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# Wrong passwords lock a name for one address; the address comes from the proxy as far as TRUSTED_PROXIES says so.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES_MAX", default=5)
LOGIN_LOCK_S = env.int("LOGIN_LOCK_S", default=900)
# Wrong passwords from one address, for any names.
LOGIN_ADDRESS_FAILURES_MAX = env.int("LOGIN_ADDRESS_FAILURES_MAX", default=50)
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_LOCK_S)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "kyc_review.accounts.client_ip.client_address"
AXES_LOCKOUT_CALLABLE = "kyc_review.accounts.login.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # our own audit log tells who logged in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# In addition to "password": fields that are never stored in the table of failed attempts.
AXES_SENSITIVE_PARAMETERS = ["code", "old_password", "new_password1", "new_password2"]
# The second factor: django-allauth keeps and checks it, our own pages show it. None of its URLs is routed.
REQUIRE_SECOND_FACTOR = env.list("REQUIRE_SECOND_FACTOR", default=["senior", "admin", "auditor"])
# Passkeys belong to this host name, or a domain above it, and are asked for by pages of these origins only. An IP
# address can have none, so those of a demo at 127.0.0.1 belong to localhost, where the same pages are.
_public = urlsplit(PUBLIC_URL)
if _public.hostname in ("127.0.0.1", "::1"):
    _public = _public._replace(netloc=f"localhost:{_public.port}" if _public.port else "localhost")
WEBAUTHN_RP_ID = env.str("WEBAUTHN_RP_ID", default="") or _public.hostname or "localhost"
WEBAUTHN_ORIGINS = env.list("WEBAUTHN_ORIGINS", default=[]) or [f"{_public.scheme}://{_public.netloc}"]
MFA_ADAPTER = "kyc_review.accounts.second_factor.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = BRAND_NAME
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = [
    "username*",
    "password1*",
]  # there is no sign-up; without this allauth requires e-mail addresses
# A session ends with the browser, half an hour after the person's last act, and half a day after the login.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = env.int("SESSION_MAX_S", default=12 * 3600)
SESSION_IDLE_S = env.int("SESSION_IDLE_S", default=1800)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "kyc_review.accounts.lost_page.csrf_failure"
