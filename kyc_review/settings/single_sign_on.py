"""Login at the bank's own identity provider by OpenID Connect (docs/identity.md). Off without OIDC_ISSUER."""

from urllib.parse import urlsplit

import environ

from kyc_review.core.permissions import Role
from kyc_review.settings.environment import env

# Exactly as the provider's discovery document names it, such as https://login.bank.example/realms/staff.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")  # or OIDC_CLIENT_SECRET_FILE
# What the button on the login page says after "Log in with".
OIDC_NAME = env.str("OIDC_NAME", default="single sign-on")
OIDC_SCOPES = env.str("OIDC_SCOPES", default="openid profile email")
# The claim with groups or roles, such as groups, roles or realm_access.roles, and which value gives which role.
OIDC_ROLES_CLAIM = env.str("OIDC_ROLES_CLAIM", default="groups")
OIDC_ROLES: dict[str, str] = env.json("OIDC_ROLES", default={})
OIDC_USERNAME_CLAIM = env.str("OIDC_USERNAME_CLAIM", default="preferred_username")
# Values of the claims amr and acr that say that a second factor was used, such as amr:mfa,amr:otp; empty: none counts.
OIDC_SECOND_FACTOR = env.list("OIDC_SECOND_FACTOR", default=[])
# Asked of the provider as acr_values at each login; empty: none.
OIDC_ACR_VALUES = env.str("OIDC_ACR_VALUES", default="")
# Whether people may log in with a password of this product. Without, `manage.py staff break-glass` lets one in.
LOCAL_PASSWORDS = env.bool("LOCAL_PASSWORDS", default=True)


def _check() -> None:
    if not OIDC_ISSUER:
        if not LOCAL_PASSWORDS:
            raise environ.ImproperlyConfigured(
                "LOCAL_PASSWORDS=false needs OIDC_ISSUER: otherwise no one could log in"
            )
        return
    issuer = urlsplit(OIDC_ISSUER)
    if issuer.scheme != "https" and issuer.hostname not in ("127.0.0.1", "localhost"):
        raise environ.ImproperlyConfigured(f"OIDC_ISSUER is {OIDC_ISSUER}: expected an https address")
    if not OIDC_CLIENT_ID:
        raise environ.ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID")
    if "openid" not in OIDC_SCOPES.split():
        raise environ.ImproperlyConfigured("OIDC_SCOPES must contain openid")
    unknown = set(OIDC_ROLES.values()) - set(Role.values)
    if not OIDC_ROLES or unknown:
        raise environ.ImproperlyConfigured(
            f"OIDC_ROLES gives values of {OIDC_ROLES_CLAIM} one of {', '.join(Role.values)}, as in "
            f'{{"kyc-reviewers": "reviewer"}}; it is {OIDC_ROLES}'
        )
    if odd := [entry for entry in OIDC_SECOND_FACTOR if not entry.startswith(("amr:", "acr:"))]:
        raise environ.ImproperlyConfigured(f"OIDC_SECOND_FACTOR: expected amr:VALUE or acr:VALUE, not {odd}")


_check()
