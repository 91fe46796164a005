from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_see_retraining
from kyc_review.training.waiting import waiting_count

register = template.Library()


@register.filter
def sees_retraining(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the page to this viewer."""
    return isinstance(user, User) and may_see_retraining(user)


@register.filter
def waiting_number(user: AbstractBaseUser | AnonymousUser | None) -> int:
    """How much waits for this viewer on the page of retraining; 0 for none."""
    return waiting_count(viewer=user) if isinstance(user, User) else 0
