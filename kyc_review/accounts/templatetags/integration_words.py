from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_see_integrations, may_see_people

register = template.Library()


@register.filter
def sees_integrations(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the page to this viewer."""
    return isinstance(user, User) and may_see_integrations(user)


@register.filter
def sees_people(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    return isinstance(user, User) and may_see_people(user)
