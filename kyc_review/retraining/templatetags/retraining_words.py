from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_see_retraining

register = template.Library()


@register.filter
def sees_retraining(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the page to this viewer."""
    return isinstance(user, User) and may_see_retraining(user)
