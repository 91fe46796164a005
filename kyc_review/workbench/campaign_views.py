"""Campaigns: one picture under several applicants, for seniors."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, require
from kyc_review.evidence.responses import derivative_response, preview_response
from kyc_review.review import campaigns
from kyc_review.review.campaigns import Campaign, CampaignRefused, Outcome
from kyc_review.review.models import Decision
from kyc_review.review.selectors import items_held
from kyc_review.submissions.models import Submission
from kyc_review.workbench.forms import CampaignForm, DecisionForm

CORRECTIONS_WAIT = gettext_lazy("Corrections among them: {}. They take effect once a second person agrees.")


@require_safe
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    _require(request)
    groups = campaigns.campaigns(viewer=request.user)
    return render(request, "review/campaigns.html", {"campaigns": groups})


@require_safe
@never_cache
@staff_only
def campaign(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    return _shown(request, _found(request, submission_id))


@require_GET  # not HEAD: what is sent counts as a look
@staff_only
def thumbnail(request: StaffRequest, submission_id: UUID, member_id: UUID) -> HttpResponseBase:
    """A member's picture, large enough to judge. That it was sent is recorded; `look` tells that it was seen."""
    group = _found(request, submission_id)
    member = _member(group, member_id)
    answer = preview_response(member)
    if answer.status_code == 200:
        campaigns.picture_sent(campaign=group, submission=member, viewer=request.user, size="preview")
    return answer


@require_GET
@staff_only
def full_picture(request: StaffRequest, submission_id: UUID, member_id: UUID) -> HttpResponseBase:
    """A member's picture alone in a tab; opening it is a look."""
    group = _found(request, submission_id)
    member = _member(group, member_id)
    answer = derivative_response(member)
    if answer.status_code == 200:
        campaigns.picture_sent(campaign=group, submission=member, viewer=request.user, size="picture")
        campaigns.look_record(submission=member, viewer=request.user)
    return answer


@require_POST
@staff_only
def look(request: StaffRequest, submission_id: UUID, member_id: UUID) -> HttpResponse:
    """The browser reports that this member's picture was loaded and in view (static/js/seen.js). 409 if it was not sent
    to this person before."""
    member = _member(_found(request, submission_id), member_id)
    try:
        campaigns.look_record(submission=member, viewer=request.user)
    except CampaignRefused as refused:
        return HttpResponse(refused.detail, status=409, content_type="text/plain; charset=utf-8")
    return HttpResponse(status=204)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def decision(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """One answer for all chosen members. A refused answer is shown at this address; loading it again leads back."""
    if request.method != "POST":
        return _page_of(_found(request, submission_id))
    form, chosen = DecisionForm(request.POST), CampaignForm(request.POST)
    group = _group_of_answer(request, submission_id, chosen)
    if not form.is_valid() or not chosen.is_valid():
        problems = [text for errors in (*form.errors.values(), *chosen.errors.values()) for text in errors]
        return _shown(request, group, problem=str(problems[0]), status=422)
    said = {name: value for name, value in form.cleaned_data.items() if name != "label"}
    try:
        outcomes = campaigns.campaign_decide(
            campaign=group,
            chosen=chosen.cleaned_data["members"],
            senior=request.user,
            label=form.cleaned_data["label"],
            **said,
        )
    except CampaignRefused as refused:
        return _shown(request, group, problem=refused.detail, status=409)
    _report(request, outcomes)
    return _page_of(campaigns.campaign_left(members=[row.pk for row in group.members], viewer=request.user))


def _report(request: StaffRequest, outcomes: list[Outcome]) -> None:
    recorded = [one for one in outcomes if not one.refusal]
    text = gettext("Recorded for %(number)s of %(all)s pictures.") % {
        "number": len(recorded),
        "all": len(outcomes),
    }
    waiting = sum(one.waits for one in recorded)
    messages.success(request, f"{text} {CORRECTIONS_WAIT.format(waiting)}" if waiting else text)
    for one in outcomes:
        if one.refusal:
            messages.error(request, f"{one.submission.external_ref}: {one.refusal}")


def _page_of(group: Campaign | None) -> HttpResponseRedirect:
    """Redirects to the group's page, or to the list when no group is left."""
    if group is None:
        return HttpResponseRedirect(reverse("review:campaigns"))
    return HttpResponseRedirect(reverse("review:campaign", args=[group.key]))


def _shown(request: StaffRequest, group: Campaign, *, problem: str = "", status: int = 200) -> HttpResponse:
    campaigns.campaign_seen(campaign=group, viewer=request.user)
    context = {
        "campaign": group,
        "members": campaigns.members(group),
        "seen": campaigns.looked_at(viewer=request.user, rows=group.members),
        "obstacles": Decision.Obstacle.choices,
        # What was sent, if anything was: a refused answer must not choose other pictures than the person did.
        "form": DecisionForm(request.POST),
        "ticked": CampaignForm(request.POST).ticked,
        "problem": problem,
        "held": items_held(viewer=request.user).first(),
    }
    return render(request, "review/campaign.html", context, status=status)


def _found(request: StaffRequest, submission_id: UUID) -> Campaign:
    _require(request)
    group = campaigns.campaign_of(viewer=request.user, submission_id=submission_id)
    if group is None:
        raise Http404(gettext("There is no such campaign."))
    return group


def _group_of_answer(request: StaffRequest, submission_id: UUID, answer: CampaignForm) -> Campaign:
    """The group that was answered about, also when the member that names it has left it meanwhile."""
    _require(request)
    group = campaigns.campaign_of(viewer=request.user, submission_id=submission_id)
    if group is None and answer.is_valid():
        group = campaigns.campaign_left(members=answer.cleaned_data["members"], viewer=request.user)
    return group or _found(request, submission_id)


def _member(group: Campaign, member_id: UUID) -> Submission:
    for row in group.members:
        if row.pk == member_id:
            return row
    raise Http404(gettext("This picture does not belong to the campaign."))


def _require(request: StaffRequest) -> None:
    require(request.user, Right.OVERSEE)
