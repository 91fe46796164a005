"""Each person reads pages in the language that they chose, else in the browser's. The API always answers English."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from kyc_review.accounts.models import User
from kyc_review.core.api_paths import PREFIX

COOKIE_AGE_S = 365 * 24 * 3600


def language_of(request: HttpRequest) -> str:
    """The code of the reader's language, one of LANGUAGES; English for every answer of the API."""
    if request.path.startswith(PREFIX):
        return settings.LANGUAGE_CODE
    if settings.SESSION_COOKIE_NAME in request.COOKIES and isinstance(request.user, User):
        chosen = request.user.language
        if chosen in dict(settings.LANGUAGES):
            return chosen
    return translation.get_language_from_request(request)


def language_choose(*, user: User, code: str) -> None:
    """Store the person's language; empty for the browser's. Raises ValueError for one that does not exist."""
    if code and code not in dict(settings.LANGUAGES):
        raise ValueError(gettext("There is no such language."))
    User.objects.filter(pk=user.pk).update(language=code)


def cookie_write(answer: HttpResponse, code: str) -> None:
    """The language of this browser for the login page, and for people without a choice; empty forgets it."""
    if not code:
        answer.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
        return
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=COOKIE_AGE_S,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


@require_POST
def browser_language(request: HttpRequest) -> HttpResponse:
    """Choose the language before signing in. An unknown one changes nothing."""
    there = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure()):
        there = settings.LOGIN_URL
    answer = redirect(there)
    if (code := request.POST.get("language", "")) in dict(settings.LANGUAGES):
        cookie_write(answer, code)
    return answer


class ReaderLanguage:
    """Middleware: pages are written in the reader's language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        code = language_of(request)
        with translation.override(code):
            answer = self.get_response(request)
        if not request.path.startswith(PREFIX):
            answer.headers.setdefault("Content-Language", code)
            patch_vary_headers(answer, ("Accept-Language", "Cookie"))
        return answer
