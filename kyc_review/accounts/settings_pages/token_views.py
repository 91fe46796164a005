"""A person's own tokens: created after password and code, shown once, revoked with one click."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kyc_review.accounts.models import TOKEN_LIFE_MAX
from kyc_review.accounts.reauthentication import unconfirmed
from kyc_review.accounts.second_factor.selectors import has_second_factor, is_required
from kyc_review.accounts.shown_once import redirect_with_secret, secrets_once
from kyc_review.accounts.single_sign_on.confirmation import factor_is_at_provider
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.accounts.tokens.selectors import tokens_listed
from kyc_review.accounts.tokens.services import TokenRefused, token_create, token_revoke
from kyc_review.core.permissions import Right, may_have_tokens, may_promote, require

SHOWN = 20


class TokenForm(forms.Form):
    label = forms.CharField(label=gettext_lazy("Purpose"), max_length=60)
    days = forms.IntegerField(
        label=gettext_lazy("Expires after (days)"), min_value=1, max_value=TOKEN_LIFE_MAX.days, initial=30
    )
    is_read_only = forms.BooleanField(label=gettext_lazy("May only read"), required=False, initial=True)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def tokens(request: StaffRequest) -> HttpResponse:
    """GET lists them, and shows one that was just created once; POST creates it."""
    require(request.user, Right.HAVE_TOKENS)
    form = TokenForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        made = [_with_token(request, shown) for shown in secrets_once(request)]
        return _page(request, form, fresh=made)
    if not form.is_valid():
        return _page(request, form, status=422)
    if problem := unconfirmed(request):
        form.add_error(None, problem)
        return _page(request, form, status=422)
    try:
        row, fresh = token_create(owner=request.user, **form.cleaned_data)
    except TokenRefused as refused:
        form.add_error(None, refused.detail)
        return _page(request, form, status=422)
    return redirect_with_secret(
        request, reverse("account:tokens"), of=row.prefix, fresh=fresh, prefix=row.prefix
    )


@require_POST
@staff_only
def revocation(request: StaffRequest, prefix: str) -> HttpResponse:
    row = get_object_or_404(tokens_listed(viewer=request.user, owner=request.user), prefix=prefix)
    ended = token_revoke(token=row, actor=request.user)
    messages.success(
        request,
        (gettext("%(name)s has ended.") if ended else gettext("%(name)s had already ended."))
        % {"name": prefix},
    )
    return redirect("account:tokens" if may_have_tokens(request.user) else "account:overview")


def _with_token(request: StaffRequest, shown: dict[str, Any]) -> dict[str, Any]:
    """With the row of the token that was just created, for its label and its end."""
    mine = tokens_listed(viewer=request.user, owner=request.user)
    return shown | {"token": mine.filter(prefix=shown["prefix"]).first()}


def _page(request: StaffRequest, form: TokenForm, *, status: int = 200, **more: Any) -> HttpResponse:
    has_factor = has_second_factor(request.user) or factor_is_at_provider(request.user)
    context = {
        "tokens": tokens_listed(viewer=request.user, owner=request.user)[:SHOWN],
        "form": form,
        "lacks_factor": is_required(request.user) and not has_factor,
        "may_change": may_promote(request.user),
        "days_max": TOKEN_LIFE_MAX.days,
    }
    return render(request, "account/tokens.html", context | more, status=status)
