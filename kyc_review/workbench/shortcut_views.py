"""The page to customise keyboard shortcuts."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.review.shortcuts import KEYS, KeysRefused, keys_choose, keys_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def keys(request: StaffRequest) -> HttpResponse:
    if request.method == "POST":
        wished = {key: request.POST.get(f"key-{key}", "") for key in KEYS}
        switches = {"is_on": "is_on" in request.POST, "keeps_zoom": "keeps_zoom" in request.POST}
        try:
            keys_choose(user=request.user, wished=wished, **switches)
        except KeysRefused as refused:
            context = {"rows": _rows(wished), "problem": refused.detail, **switches}
            return render(request, "review/keys.html", context, status=422)
        messages.success(request, gettext("Your settings are saved."))
        return HttpResponseRedirect(reverse("review:keys"))
    choice = keys_of(request.user)
    context = {"rows": _rows(choice.chosen), "is_on": choice.is_on, "keeps_zoom": choice.keeps_zoom}
    return render(request, "review/keys.html", context)


def _rows(chosen: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(key, str(does), chosen.get(key) or key) for key, does in KEYS.items()]
