"""The console: all integrations' endpoints and their delivery logs, for admins; auditors read."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kyc_review.accounts.models import Integration
from kyc_review.accounts.shown_once import redirect_with_secret, secret_once
from kyc_review.accounts.staff_access import StaffRequest, parse_toggle, staff_only
from kyc_review.core.permissions import Right, may_manage_webhooks, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.webhooks import services
from kyc_review.webhooks.models import Delivery, Endpoint
from kyc_review.webhooks.selectors import deliveries_listed, endpoints_listed

PAGE = 25
LISTED_MAX = 10_000  # counting all for the numbers of pages would read all


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.SEE_WEBHOOKS)
    context: dict[str, object] = {}
    if request.method == "POST":
        _require_admin(request)
        made = _created(request)
        if isinstance(made, tuple):
            return redirect_with_secret(request, _path(made[0]), secret=made[1])
        context = made
    return render(
        request,
        "webhooks/overview.html",
        {
            "endpoints": endpoints_listed(viewer=request.user),
            "may_manage": may_manage_webhooks(request.user),
            "integrations": Integration.objects.filter(is_active=True).order_by("slug"),
        }
        | context,
        status=422 if "problem" in context else 200,
    )


def _created(request: StaffRequest) -> tuple[Endpoint, str] | dict[str, object]:
    """The endpoint and its secret, or what the page says about why there is none."""
    typed = {name: request.POST.get(name, "").strip() for name in ("url", "description", "integration")}
    integration = Integration.objects.filter(slug=typed["integration"], is_active=True).first()
    if integration is None:
        return {"problem": gettext("Choose an integration."), "typed": typed}
    try:
        return services.endpoint_create(
            integration=integration,
            url=typed["url"],
            description=typed["description"][:200],
            is_test="is_test" in request.POST,
            actor=request.user,
        )
    except (services.AddressRefused, services.EndpointsFull) as refusal:
        return {"problem": str(refusal), "typed": typed}


@require_GET
@never_cache
@staff_only
def endpoint(request: StaffRequest, endpoint_id: UUID) -> HttpResponse:
    return _endpoint(request, _found(request, endpoint_id))


@require_POST
@staff_only
def switch(request: StaffRequest, endpoint_id: UUID) -> HttpResponse:
    row = _managed(request, endpoint_id)
    is_active = parse_toggle(request)
    services.endpoint_change(endpoint=row, actor=request.user, is_active=is_active)
    messages.success(request, gettext("Switched on.") if is_active else gettext("Switched off."))
    return _back(row)


@require_POST
@never_cache
@staff_only
def secret(request: StaffRequest, endpoint_id: UUID) -> HttpResponse:
    row = _managed(request, endpoint_id)
    fresh = services.secret_rotate(endpoint=row, actor=request.user)
    return redirect_with_secret(request, _path(row), secret=fresh)


@require_POST
@staff_only
def trial(request: StaffRequest, endpoint_id: UUID) -> HttpResponse:
    row = _managed(request, endpoint_id)
    with refusals_shown(request):
        services.send_test_event(endpoint=row, actor=request.user)
        messages.success(request, gettext("A test event was queued."))
    return _back(row)


@require_POST
@staff_only
def replay_dead(request: StaffRequest, endpoint_id: UUID) -> HttpResponse:
    row = _managed(request, endpoint_id)
    with refusals_shown(request):
        number = services.replay_dead_letters(endpoint=row, actor=request.user)
        messages.success(
            request,
            gettext("%(number)s queued again.") % {"number": number},
        )
    return _back(row)


@require_POST
@staff_only
def replay(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    _require_admin(request)
    row = Delivery.objects.select_related("endpoint").filter(pk=delivery_id).first()
    if row is None:
        raise Http404(gettext("There is no such delivery."))
    with refusals_shown(request):
        services.delivery_replay(delivery=row, actor=request.user)
        messages.success(request, gettext("Queued again."))
    return _back(row.endpoint)


def _endpoint(request: StaffRequest, row: Endpoint) -> HttpResponse:
    state = request.GET.get("state", "")
    rows = deliveries_listed(viewer=request.user, endpoint=row)
    kept = ""  # in links to other pages
    if state in Delivery.State.values:
        rows, kept = rows.filter(state=state), f"&state={state}"
    context = {
        "endpoint": row,
        "deliveries": (listed := Paginator(rows[:LISTED_MAX], PAGE)).get_page(request.GET.get("page")),
        "listed_max": LISTED_MAX if listed.count == LISTED_MAX else None,
        "state": state,
        "kept": kept,
        "states": Delivery.State.choices,
        "dead": rows.filter(state=Delivery.State.DEAD).count(),
        "may_manage": may_manage_webhooks(request.user),
    }
    return render(request, "webhooks/endpoint.html", context | secret_once(request))


def _found(request: StaffRequest, endpoint_id: UUID) -> Endpoint:
    require(request.user, Right.SEE_WEBHOOKS)
    row = endpoints_listed(viewer=request.user).filter(pk=endpoint_id).first()
    if row is None:
        raise Http404(gettext("There is no such endpoint."))
    return row


def _managed(request: StaffRequest, endpoint_id: UUID) -> Endpoint:
    _require_admin(request)
    return _found(request, endpoint_id)


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.MANAGE_WEBHOOKS)


def _back(row: Endpoint) -> HttpResponse:
    return HttpResponseRedirect(_path(row))


def _path(row: Endpoint) -> str:
    return reverse("webhooks:endpoint", args=[row.pk])
