"""The queue page, and what seniors do on its list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.review import assignment, saved_views
from kyc_review.review.assignment import Distributed
from kyc_review.review.release import ReleaseRefused
from kyc_review.workbench.queue_forms import DistributeForm, QueueFilterForm
from kyc_review.workbench.queue_page import queue_context

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

REFUSALS_TOLD = 3


@require_safe
@never_cache
@staff_only
def queue(request: StaffRequest) -> HttpResponse:
    """The queue; its own poll asks for the numbers and the list alone."""
    context = queue_context(request)
    if request.htmx.target == "queue":
        return render(request, "review/_queue.html", context)
    return render(request, "review/queue.html", context)


@require_POST
@staff_only
def take(request: StaffRequest, item_id: int) -> HttpResponse:
    """For seniors: claim this item instead of the next one."""
    try:
        assignment.item_claim(item_id=item_id, senior=request.user)
    except ReleaseRefused as rejected:
        messages.error(request, rejected.detail)
        return _back(request)
    return HttpResponseRedirect(reverse("review:item", args=[item_id]))


@require_POST
@staff_only
def distribute(request: StaffRequest) -> HttpResponse:
    """For seniors: offer the chosen items to a person, or return them to the queue."""
    assignment.require_overseer(request.user)
    form = DistributeForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Choose at least one item."))
        return _back(request)
    chosen, to = form.cleaned_data["item"], form.cleaned_data["to"]
    if form.cleaned_data["act"] == "return":
        done = assignment.items_return(item_ids=chosen, senior=request.user)
        told = ngettext_lazy(
            "%(number)s item is back in the queue.", "%(number)s items are back in the queue.", "number"
        )
        _tell(request, done, told)
    elif to is None:
        messages.error(request, gettext("Choose a person to assign the items to."))
    else:
        done = assignment.items_assign(item_ids=chosen, to=to, senior=request.user)
        told = ngettext_lazy(
            "%(number)s item is offered to %(name)s first.",
            "%(number)s items are offered to %(name)s first.",
            "number",
        )
        _tell(request, done, told, name=to.get_full_name() or to.username)
    return _back(request)


@require_POST
@staff_only
def view_save(request: StaffRequest) -> HttpResponse:
    """Save the list's filters under a name."""
    form = QueueFilterForm(request.POST)
    form.full_clean()
    name = request.POST.get("name", "")
    try:
        saved = saved_views.view_save(owner=request.user, name=name, query=form.query())
        messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": saved.name})
    except saved_views.ViewRefused as refused:
        messages.error(request, refused.detail)
    return _back(request)


@require_POST
@staff_only
def view_delete(request: StaffRequest, view_id: int) -> HttpResponse:
    if not saved_views.view_delete(owner=request.user, view_id=view_id):
        raise Http404(gettext("You have no such view."))
    messages.success(request, gettext("The view is deleted."))
    return _back(request)


def _tell(request: StaffRequest, done: Distributed, told: StrPromise, **values: str) -> None:
    """`told`: what happened to `number` items."""
    number = len(done.done)
    if number:
        messages.success(request, told % {"number": number, **values})
    for pk, reason in list(done.refused.items())[:REFUSALS_TOLD]:
        messages.error(request, gettext("Item %(item)s: %(reason)s") % {"item": pk, "reason": reason})
    if (more := len(done.refused) - REFUSALS_TOLD) > 0:
        messages.error(request, gettext("%(number)s more could not be changed.") % {"number": more})


def _back(request: StaffRequest) -> HttpResponse:
    """Redirects to the list, with the filters that came with the form; only valid ones are kept."""
    form = QueueFilterForm(request.POST)
    form.full_clean()
    query = form.query()
    return HttpResponseRedirect(reverse("review:queue") + (f"?{query}" if query else ""))
