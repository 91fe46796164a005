"""What the evidence templates need, from one place for the whole page and for its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kyc_review.evidence.models import Evidence
from kyc_review.workbench.evidence import presenters, selectors
from kyc_review.workbench.evidence.file_findings import file_findings

if TYPE_CHECKING:
    from kyc_review.accounts.models import User
    from kyc_review.review.models import ReviewItem


def viewer_context(*, item: ReviewItem, viewer: User) -> dict[str, Any]:
    """A blind item has the photograph alone until its first call."""
    evidence = selectors.evidence_of(viewer=viewer, item=item)
    has_close = evidence is not None and "close" in evidence.pictures
    is_open = selectors.may_see_evidence(viewer=viewer, item=item)
    return {
        "item": item,
        "is_open": is_open,
        "panes": presenters.panes(item, evidence) if is_open else [],
        "close_ups": presenters.close_ups(evidence),
        "close": presenters.picture_url(item, "close") if has_close else "",
    }


def views_ahead(item: ReviewItem) -> list[dict[str, Any]]:
    """Where the pictures are of those views that will be shown without being asked for; the caller knows the viewer."""
    views = presenters.panes(item, getattr(item.submission, "evidence", None))
    return [
        {"name": view.name, "source": view.source, "qualities": view.qualities}
        for view in views
        if view.source and not view.objection
    ]


def panel_context(*, item: ReviewItem, viewer: User) -> dict[str, Any]:
    evidence = selectors.evidence_of(viewer=viewer, item=item)
    is_ready = evidence is not None and evidence.state == Evidence.State.READY
    measured = {row.name: row for row in selectors.measures()} if is_ready else {}
    return viewer_context(item=item, viewer=viewer) | {
        "evidence": evidence,
        "is_ready": is_ready,
        "is_failed": (evidence is not None and evidence.state == Evidence.State.FAILED)
        or item.submission.erased_at is not None,
        "file_findings": file_findings(item.submission),
        "findings": presenters.findings(evidence) if is_ready and evidence else [],
        "history": presenters.history_lines(selectors.vote_history(viewer=viewer, item=item)),
        "opinions": presenters.opinion_lines(evidence, measured) if is_ready and evidence else [],
        "look_alikes": selectors.look_alikes(viewer=viewer, item=item) if is_ready else [],
        "others": selectors.applicants_others(viewer=viewer, item=item),
    }
