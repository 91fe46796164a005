"""How a form confirms that it is the person who sends it."""

from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode

from kyc_review.accounts.lost_page import sending_page
from kyc_review.accounts.reauthentication import approves_at_provider, approves_with_code
from kyc_review.accounts.second_factor.passkeys import passkeys_problem
from kyc_review.accounts.second_factor.selectors import has_passkey, has_second_factor, is_required
from kyc_review.accounts.single_sign_on.confirmation import (
    confirms_at_provider,
    factor_is_at_provider,
    is_confirmed,
)

register = template.Library()
register.simple_tag(passkeys_problem)


@register.inclusion_tag("account/_confirmation.html", takes_context=True)
def confirmation_fields(context: dict[str, Any], name: str) -> dict[str, Any]:
    """Password and, with a second factor, code; or the way to the identity provider. `name` begins the fields' ids."""
    user = context["user"]
    at_provider, has_code = confirms_at_provider(user), has_second_factor(user)
    with_factor = at_provider and not has_code and factor_is_at_provider(user) and is_required(user)
    return _fields(context, name, at_provider, with_factor) | {
        "asks_password": not at_provider,
        "asks_code": has_code,
    }


@register.inclusion_tag("account/_confirmation.html", takes_context=True)
def code_fields(context: dict[str, Any], name: str) -> dict[str, Any]:
    """The code alone, for a form that asks for the password itself; nothing without a second factor."""
    return _fields(context, name, False, False) | {"asks_code": has_second_factor(context["user"])}


@register.inclusion_tag("account/_approval.html", takes_context=True)
def approval_fields(context: dict[str, Any], name: Any = "") -> dict[str, Any]:
    """As above, for an approval: the code, or the way to the identity provider; nothing without a second factor."""
    user = context["user"]
    return _fields(context, name, approves_at_provider(user), True) | {"asks_code": approves_with_code(user)}


def _fields(context: dict[str, Any], name: Any, at_provider: bool, with_factor: bool) -> dict[str, Any]:
    request = context["request"]
    return {
        "id": name,
        "has_passkey": has_passkey(context["user"]),
        "at_provider": at_provider,
        "is_confirmed": at_provider and is_confirmed(request, with_factor=with_factor),
        "provider": settings.OIDC_NAME,
        "there": f"{reverse('single_sign_on:confirm')}?{urlencode({'next': sending_page(request)})}",
    }
