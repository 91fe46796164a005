"""What the evidence templates need, from one place for the whole page and for its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kyc_review.core.permissions import may_decide
from kyc_review.evidence.models import Evidence
from kyc_review.review.blinding import outcomes_seen_record
from kyc_review.review.clearance import checks_missing, labels_needing_two
from kyc_review.scoring.check_words import troubles
from kyc_review.workbench.evidence import presenters, selectors
from kyc_review.workbench.evidence.alerts import Alert, AlertKind, all_alerts
from kyc_review.workbench.evidence.file_findings import file_findings
from kyc_review.workbench.presenters import TWO_PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kyc_review.accounts.models import User
    from kyc_review.review.models import ReviewItem
    from kyc_review.workbench.evidence.selectors import Seen


def viewer_context(*, item: ReviewItem, viewer: User) -> dict[str, Any]:
    """A blind item has the photograph alone, and close-ups of it, until its first call."""
    evidence = selectors.evidence_of(viewer=viewer, item=item)
    has_close = evidence is not None and "close" in evidence.pictures
    is_open = selectors.may_see_evidence(viewer=viewer, item=item)
    return {
        "item": item,
        "is_open": is_open,
        "has_comparisons": item.submission.erased_at is None and (is_open or selectors.has_reference(item)),
        "has_recent": may_decide(viewer),
        "panes": presenters.panes(item, evidence) if is_open else [],
        "close_ups": presenters.close_ups(selectors.close_ups_of(item=item)),
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
    """Everything that is hidden together with the votes: alerts, picture checks and the evidence."""
    evidence = selectors.evidence_of(viewer=viewer, item=item)
    is_ready = evidence is not None and evidence.state == Evidence.State.READY
    measured = {row.name: row for row in selectors.measures()} if is_ready else {}
    context = viewer_context(item=item, viewer=viewer)
    is_erased = item.submission.erased_at is not None
    context |= {
        "evidence": evidence,
        "is_ready": is_ready,
        "is_failed": (evidence is not None and evidence.state == Evidence.State.FAILED) or is_erased,
        # Whether a check doubts a picture tells what the models said: most of those that pass every check are flagged.
        "checks": troubles(item.submission.checks.all()) if context["is_open"] else [],
        "two_people": TWO_PEOPLE.get(labels_needing_two(item), "") if _is_undecided(item, context) else "",
        "file_findings": file_findings(item.submission),
        "findings": presenters.findings(evidence) if is_ready and evidence else [],
        "history": presenters.history_lines(selectors.vote_history(viewer=viewer, item=item)),
        "auxiliary_models": presenters.auxiliary_lines(evidence, measured) if is_ready and evidence else [],
        # Known from the votes on; the rest of the evidence takes longer.
        "look_alikes": selectors.look_alikes(viewer=viewer, item=item),
        "look_alikes_known": is_ready or (evidence is not None and evidence.likenesses_found_at is not None),
        "others": selectors.applicants_others(viewer=viewer, item=item),
    }
    alerts = _alerts(item, context) if context["is_open"] and not is_erased else []
    conflict = next((alert for alert in alerts if alert.kind == AlertKind.CONFLICTING_VERDICTS), None)
    return context | {"alerts": alerts, "conflict": conflict}


def outcomes_told_record(*, told: Iterable[Seen], viewer: User) -> None:
    """The viewer is shown what came of these other submissions, so others are asked first to judge them blind.

    Of those that wait to be judged blind nothing is told.
    """
    shown = [seen.submission for seen in told if not seen.waits_since]
    outcomes_seen_record(submissions=shown, viewer=viewer, in_passing=True)


def _is_undecided(item: ReviewItem, context: dict[str, Any]) -> bool:
    return context["is_open"] and item.state != item.State.DECIDED and not item.submission.erased_at


def _alerts(item: ReviewItem, context: dict[str, Any]) -> list[Alert]:
    # The outcome of what is still to be judged would answer the question, above all of calibration items and audits.
    knows_result = item.state == item.State.DECIDED and item.reason != item.Reason.GOLD
    return all_alerts(
        twins=context["look_alikes"],
        others=context["others"],
        findings=[*context["findings"], *context["file_findings"]],
        checks=context["checks"],
        is_unchecked=checks_missing(item, item.submission.checks.all()),
        own_result=item.submission.result if knows_result else "",
    )
