"""Asking for a comparison, and which submissions it replays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.wake import TRAINING
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import serving_promotion
from kyc_review.scoring.models import Scoring
from kyc_review.training.erasure import require_unmarked
from kyc_review.training.jobs import JobRefused, not_ready
from kyc_review.training.models import Comparison, TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def comparison_request(*, snapshot: Snapshot, candidate: Bundle, actor: User | None) -> Comparison:
    """Ask for candidate and champion to be compared on a ready snapshot's hold-out.

    Raises PermissionDenied, JobRefused.
    """
    require_of_actor(actor, Right.PROMOTE)
    return _queue_comparison(snapshot, candidate, actor)


def comparison_follow(*, run: TrainingRun, candidate: Bundle) -> Comparison:
    """The comparison that follows from a run: asked for in the name of its requester, whose rights were checked then.

    Raises JobRefused.
    """
    return _queue_comparison(run.snapshot, candidate, run.created_by)


@transaction.atomic
def _queue_comparison(snapshot: Snapshot, candidate: Bundle, actor: User | None) -> Comparison:
    promotion = serving_promotion()
    if promotion is None:
        raise JobRefused(gettext("No bundle is in production yet; there is nothing to compare with."))
    serving, shift = promotion.bundle, promotion.shift
    if serving == candidate:
        raise JobRefused(gettext("%(version)s serves already.") % {"version": candidate})
    if snapshot.state != Snapshot.State.READY:
        raise JobRefused(not_ready(snapshot))
    require_unmarked(snapshot)
    Snapshot.objects.select_for_update(no_key=True).get(pk=snapshot.pk)  # one after the other
    waiting = Comparison.objects.filter(state__in=[Comparison.State.QUEUED, Comparison.State.RUNNING])
    twin = waiting.filter(
        snapshot=snapshot, champion=serving, champion_shift=shift, candidate=candidate
    ).first()
    if twin is not None:
        raise JobRefused(
            gettext("Comparison %(number)s does exactly this and has not ended; wait for it.")
            % {"number": twin.pk}
        )
    comparison = Comparison.objects.create(
        snapshot=snapshot, champion=serving, champion_shift=shift, candidate=candidate, created_by=actor
    )
    audit.record(
        action="comparison.requested",
        actor=actor,
        target=comparison,
        detail={"champion": serving.digest, "candidate": candidate.digest, "snapshot": snapshot.name},
    )
    transaction.on_commit(TRAINING.send)
    return comparison


def is_current(comparison: Comparison) -> bool:
    """Whether the champion that it measured still serves, at the same operating point."""
    serving = serving_promotion()
    return serving is not None and (serving.bundle_id, serving.shift) == (
        comparison.champion_id,
        comparison.champion_shift,
    )


def frozen(snapshot: Snapshot) -> Iterator[str]:
    """The submissions that a snapshot holds."""
    rows = snapshot.items.values_list("decision__submission_id", flat=True)
    yield from map(str, rows.iterator())


def replayed() -> Iterator[tuple[str, str]]:
    """(submission, key of its original) of the latest ones that were scored, whatever became of them."""
    kept = Scoring.objects.filter(submission__erased_at=None, submission__is_planted=False)
    rows = kept.order_by("-scored_at").values_list("submission_id", "submission__image_key")
    for pk, image_key in rows[: settings.REPLAY_MAX]:
        yield str(pk), image_key
