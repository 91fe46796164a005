"""The login page, and what somebody sees who typed too many wrong passwords."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from kyc_review.accounts.addresses import client_address
from kyc_review.audit import services as audit


class RecordedLogin(LoginView):
    """Each login is an event, with the address it came from."""

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        audit.record(
            action="staff.logged_in", actor=form.get_user(), detail={"address": client_address(self.request)}
        )
        return answer


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The same answer whether or not there is such a person, so that it tells no names."""
    name = str((credentials or {}).get("username", ""))[:150]
    audit.record(action="staff.locked_out", detail={"username": name, "address": client_address(request)})
    answer = render(
        request, "registration/locked.html", {"minutes": -(-settings.LOGIN_LOCK_S // 60)}, status=429
    )
    answer["Retry-After"] = str(settings.LOGIN_LOCK_S)
    return answer
