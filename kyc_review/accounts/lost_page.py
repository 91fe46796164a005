"""The way back to the page whose request was not carried out, as the session had ended or the token was old."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

SAFE_METHODS = ("GET", "HEAD")
ENDED = gettext_lazy("Your session had ended, so nothing was saved. Log in, then send it again.")
OUTDATED = gettext_lazy(
    "Nothing was saved: you logged in again after this page was opened. The page was reloaded; please repeat it."
)


def sending_page(request: HttpRequest) -> str:
    """The path of the page on this site from which the request came; the start page where that is not known.

    The address of a request that changes something is no page, so it is never the answer to an unsafe method.
    """
    if request.method in SAFE_METHODS and not request.headers.get("HX-Request"):
        return request.get_full_path()
    came_from = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(came_from, hosts, require_https=request.is_secure()):
        return str(settings.LOGIN_REDIRECT_URL)
    parts = urlsplit(came_from)
    return parts._replace(scheme="", netloc="", fragment="").geturl() or "/"


def to_login(request: HttpRequest) -> HttpResponse:
    """The sign-in page, which leads back. htmx leaves the page instead of swapping the form into it."""
    if request.method not in SAFE_METHODS:
        messages.warning(request, ENDED)
    answer = redirect_to_login(sending_page(request))
    return HttpResponseClientRedirect(answer.url) if request.headers.get("HX-Request") else answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 with a sentence and a link to the page; htmx reloads it, and drafts in the browser stay."""
    page = sending_page(request)
    if request.headers.get("HX-Request"):
        if not request.user.is_authenticated:
            return to_login(request)
        messages.warning(request, OUTDATED)
        answer: HttpResponse = HttpResponseClientRefresh()
        answer.status_code = 403
        return answer
    return render(request, "403_csrf.html", {"page": page}, status=403)
