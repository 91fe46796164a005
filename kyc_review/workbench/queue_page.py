"""What the queue page shows: to reviewers, what waits and their own work; to all others, the list."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import QueryDict

from kyc_review.accounts.staff_access import StaffRequest
from kyc_review.core.permissions import may_decide, may_oversee
from kyc_review.review import selectors
from kyc_review.review.blinding import reviewer_shortages
from kyc_review.review.cases import mentions_unread
from kyc_review.review.own_work import own_day, own_questions, workloads
from kyc_review.review.queue_list import may_list_queue, queue_page
from kyc_review.review.saved_views import saved_views
from kyc_review.scoring.state import scoring_state
from kyc_review.workbench.presenters import name_checks
from kyc_review.workbench.queue_forms import QueueFilterForm


def queue_context(request: StaffRequest) -> dict[str, Any]:
    viewer = request.user
    counts = selectors.queue_counts(viewer=viewer)
    context = {
        "counts": counts,
        "waiting": sum(count.waiting for count in counts),
        "total": sum(count.waiting + count.claimed for count in counts),
        "age": selectors.queue_age(counts),
        "skipped": selectors.skipped_waiting(viewer=viewer),
        "held": selectors.items_held(viewer=viewer).first(),
        "may_decide": may_decide(viewer),
        "may_oversee": may_oversee(viewer),
        "undoable": selectors.act_undoable(viewer=viewer),
        **reviewer_shortages()._asdict(),
        "sla_s": settings.REVIEW_SLA_S,
        "scoring": scoring_state(),
        "standstill_s": settings.SCORING_STANDSTILL_S,
        "tells_problem": may_oversee(viewer),
        "mentions": mentions_unread(viewer=viewer),
        "own_day": own_day(viewer=viewer),
        "questions": own_questions(viewer=viewer),
        "has_list": may_list_queue(viewer),
    }
    return context | (_list(request) if context["has_list"] else {})


def _list(request: StaffRequest) -> dict[str, Any]:
    # Only the page's own address has filters; what is posted elsewhere ends on the whole list.
    form = QueueFilterForm(request.GET if request.method == "GET" else QueryDict())
    wanted = form.wanted()
    after = form.cleaned_data.get("after")
    page = queue_page(viewer=request.user, wanted=wanted, after=after)
    name_checks(page.items)
    return {
        "form": form,
        "wanted": wanted,
        "query": form.query(),
        "polls": "&".join(filter(None, (form.query(), f"after={after}" if after else ""))),
        "after": after,
        "page": page,
        "shows_risk": not all(item.is_blinded for item in page.items),  # type: ignore[attr-defined]
        "has_blinded": any(item.is_blinded for item in page.items),  # type: ignore[attr-defined]
        "colleagues": selectors.colleagues(viewer=request.user) if may_oversee(request.user) else [],
        "views": saved_views(viewer=request.user),
        "workloads": workloads(viewer=request.user),
    }
