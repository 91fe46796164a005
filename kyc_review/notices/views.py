"""Which notices a person is sent, and where; shared channels are managed by admins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kyc_review.accounts.shown_once import redirect_with_secret, secret_once
from kyc_review.accounts.staff_access import StaffRequest, parse_toggle, staff_only
from kyc_review.core.permissions import Right, may_manage_webhooks, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.notices import services
from kyc_review.notices.models import CHOSEN_KINDS, Channel, Medium
from kyc_review.notices.selectors import channels_listed, deliveries_listed
from kyc_review.webhooks.ssrf import AddressRefused

PAGE = 25


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    _require_access(request)
    if request.method == "GET":
        return _overview(request)
    try:
        row, secret = services.channel_create(
            actor=request.user,
            medium=request.POST.get("medium", ""),
            address=request.POST.get("address", "").strip(),
            kinds=request.POST.getlist("kinds"),
            is_shared=request.POST.get("whose") == "shared",
            description=request.POST.get("description", ""),
        )
    except (services.ChannelRefused, AddressRefused) as refusal:
        return _overview(request, str(refusal))
    if secret:
        return redirect_with_secret(request, reverse("notices:channel", args=[row.pk]), secret=secret)
    messages.success(request, f"{row} was added. Send a test notice to try it.")
    return _back(row)


@require_GET
@never_cache
@staff_only
def channel(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    return _channel(request, _found(request, channel_id))


@require_POST
@staff_only
def kinds(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    row = _found(request, channel_id)
    with refusals_shown(request):
        services.channel_change(channel=row, actor=request.user, kinds=request.POST.getlist("kinds"))
        messages.success(request, "Saved.")
    return _back(row)


@require_POST
@staff_only
def switch(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    row, is_active = _found(request, channel_id), parse_toggle(request)
    services.channel_switch(channel=row, actor=request.user, is_active=is_active)
    messages.success(request, gettext("Switched on.") if is_active else gettext("Switched off."))
    return _back(row)


@require_POST
@staff_only
def trial(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    row = _found(request, channel_id)
    with refusals_shown(request):
        services.channel_test(channel=row, actor=request.user)
        messages.success(request, gettext("A test notice was queued."))
    return _back(row)


@require_POST
@staff_only
def resend(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    row = _found(request, channel_id)
    with refusals_shown(request):
        number = services.deliveries_resend(channel=row, actor=request.user)
        messages.success(
            request,
            gettext("%(number)s queued again.") % {"number": number},
        )
    return _back(row)


@require_POST
@staff_only
def delete(request: StaffRequest, channel_id: UUID) -> HttpResponse:
    row = _found(request, channel_id)
    services.channel_delete(channel=row, actor=request.user)
    messages.success(request, gettext("%(channel)s was deleted.") % {"channel": row})
    return HttpResponseRedirect(reverse("notices:overview"))


def _overview(request: StaffRequest, problem: str = "") -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in ("medium", "address", "whose", "description")}
    context: dict[str, Any] = {
        "channels": channels_listed(viewer=request.user),
        "kinds": CHOSEN_KINDS,
        "chosen": request.POST.getlist("kinds") or [kind for kind, _ in CHOSEN_KINDS],
        "media": Medium.choices,
        "may_share": may_manage_webhooks(request.user),
        "has_mail_server": bool(settings.EMAIL_URL),
        "problem": problem,
        "typed": typed,
        "own_email": request.user.email,
    }
    return render(request, "notices/overview.html", context, status=422 if problem else 200)


def _channel(request: StaffRequest, row: Channel) -> HttpResponse:
    rows = deliveries_listed(viewer=request.user, channel=row)
    context = {
        "channel": row,
        "kinds": CHOSEN_KINDS,
        "may_change": services.may_change_channel(request.user, row),
        "deliveries": Paginator(rows, PAGE).get_page(request.GET.get("page")),
    } | secret_once(request)
    return render(request, "notices/channel.html", context)


def _require_access(request: StaffRequest) -> None:
    require(request.user, Right.SEE_RETRAINING)  # notices are about models


def _found(request: StaffRequest, channel_id: UUID) -> Channel:
    _require_access(request)
    row = channels_listed(viewer=request.user).filter(pk=channel_id).first()
    if row is None:
        raise Http404(gettext("There is no such channel, or it belongs to another person."))
    return row


def _back(row: Channel) -> HttpResponse:
    return HttpResponseRedirect(reverse("notices:channel", args=[row.pk]))
