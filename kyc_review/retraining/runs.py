"""Training runs: asking for one, cancelling it, and what became of it. The work itself is worker.py's."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from kyc_review.audit import services as audit
from kyc_review.retraining.bundles import bundle_register
from kyc_review.retraining.models import Bundle, Snapshot, TrainingRun
from kyc_review.retraining.selectors import champion

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
State = TrainingRun.State
ATTEMPTS_MAX = 3
LEASE_S = 60
EPOCHS_MAX = 200
# ml.training.candidate.LEAST, which the web process cannot import; a test holds the two together.
LEAST = 20


class RunRefused(Exception):
    """The run cannot be asked for, or not be cancelled any more; the text says why."""


class RunLost(Exception):
    """Another worker holds this run, or it was ended meanwhile; nothing was written."""


@transaction.atomic
def run_request(
    *,
    snapshot: Snapshot,
    epochs: int = 3,
    seed: int = 0,
    miss: float = 0.1,
    scratch: bool = False,
    actor: User | None = None,
) -> TrainingRun:
    """Ask for a candidate trained on a ready snapshot, from the champion or from scratch. Raises RunRefused."""
    init = champion()
    if init is None:
        raise RunRefused("No bundle serves yet; run `manage.py prepare` first.")
    if snapshot.state != Snapshot.State.READY:
        raise RunRefused(f"Snapshot {snapshot.name} is not ready ({snapshot.get_state_display().lower()}).")
    if min(snapshot.count_real, snapshot.count_fake) < LEAST:
        raise RunRefused(
            f"Snapshot {snapshot.name} has {snapshot.count_real} real and {snapshot.count_fake} fake decisions; "
            f"training needs at least {LEAST} applicants of each. Review more items, then make a new snapshot."
        )
    if not 1 <= epochs <= EPOCHS_MAX:
        raise RunRefused(f"Choose 1 to {EPOCHS_MAX} epochs.")
    if not 0.001 <= miss <= 0.5:
        raise RunRefused("The share of fakes that may be missed must lie between 0.001 and 0.5.")
    run = TrainingRun.objects.create(
        snapshot=snapshot, init=init, epochs=epochs, seed=seed, miss=miss, scratch=scratch, created_by=actor
    )
    audit.record(
        action="training.requested",
        actor=actor,
        target=run,
        detail={"snapshot": snapshot.name, "init": init.digest, "epochs": epochs, "seed": seed}
        | {"miss": miss, "scratch": scratch},
    )
    transaction.on_commit(nudge)
    return run


@transaction.atomic
def run_cancel(*, run: TrainingRun, actor: User | None = None) -> None:
    """End a waiting run at once; tell a running one to stop, which takes a second or two. Raises RunRefused."""
    row = TrainingRun.objects.select_for_update().get(pk=run.pk)
    if row.is_ended:
        raise RunRefused(f"This run has ended already ({row.get_state_display().lower()}).")
    row.cancel_asked = True
    if row.state == State.QUEUED:
        row.state, row.ended_at = State.CANCELLED, timezone.now()
    row.save(update_fields=["cancel_asked", "state", "ended_at"])
    audit.record(action="training.cancelled", actor=actor, target=row)


def nudge() -> None:
    """Tell the training worker; never fails, for the sweep says it again."""
    from kyc_review.retraining.tasks import train_due

    try:
        train_due.apply_async(retry=False, expires=60)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("No message sent, the sweep will find the run: %s", error)


def run_lease() -> TrainingRun | None:
    """Take the oldest due run, counting the attempt before the work; None when nothing is due."""
    _end_spent()
    holder, now = uuid.uuid4().hex, timezone.now()
    with transaction.atomic():
        run = (
            TrainingRun.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("snapshot", "init")
            .filter(_due(), attempts__lt=ATTEMPTS_MAX)
            .order_by("pk")
            .first()
        )
        if run is None:
            return None
        run.state, run.lease_holder, run.attempts = State.RUNNING, holder, run.attempts + 1
        run.due_at = now + timedelta(seconds=LEASE_S)
        run.started_at = run.started_at or now
        run.save(update_fields=["state", "lease_holder", "attempts", "due_at", "started_at"])
    return run


def run_renew(run: TrainingRun) -> bool:
    """Keep the lease; True when somebody asked to cancel. Raises RunLost."""
    until = timezone.now() + timedelta(seconds=LEASE_S)
    if _held(run).update(due_at=until) != 1:
        raise RunLost(f"{run} is no longer held by this worker.")
    return TrainingRun.objects.values_list("cancel_asked", flat=True).get(pk=run.pk)


def run_succeed(run: TrainingRun) -> Bundle:
    """Register what was trained as a candidate. Raises RunLost, BundleRefused, OSError."""
    bundle = bundle_register(path=run.output, source=Bundle.Source.TRAINED, actor=run.created_by)
    _end(run, State.SUCCEEDED, action="training.succeeded", candidate=bundle)
    return bundle


def run_fail(run: TrainingRun, error: str) -> None:
    """The run ends with a reason that another attempt would not change. Raises RunLost."""
    _end(run, State.FAILED, action="training.failed", error=error[:500])


def run_stopped(run: TrainingRun) -> None:
    """The run ends because somebody cancelled it. Raises RunLost."""
    _end(run, State.CANCELLED, action="training.stopped")


def run_give_back(run: TrainingRun, error: str = "") -> None:
    """Somebody else, or a later attempt, shall go on from the last finished member.

    Without an error the worker was only told to stop, and the attempt does not count.
    """
    attempts = run.attempts if error else run.attempts - 1
    _held(run).update(
        state=State.QUEUED, lease_holder="", due_at=timezone.now(), error=error[:500], attempts=attempts
    )


@transaction.atomic
def _end(run: TrainingRun, state: State, *, action: str, **facts: object) -> None:
    ended = {"state": state, "lease_holder": "", "ended_at": timezone.now(), "error": "", **facts}
    if _held(run).update(**ended) != 1:
        raise RunLost(f"{run} is no longer held by this worker.")
    detail = {"error": facts["error"]} if "error" in facts else {}
    audit.record(action=action, target=run, detail=detail)


def _held(run: TrainingRun) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING, lease_holder=run.lease_holder)


def _due() -> Q:
    return Q(state__in=[State.QUEUED, State.RUNNING], due_at__lte=timezone.now())


@transaction.atomic
def _end_spent() -> None:
    """A run whose worker died again and again fails; one that was to be cancelled when its worker died is cancelled."""
    spent = TrainingRun.objects.select_for_update(skip_locked=True).filter(
        _due() & (Q(attempts__gte=ATTEMPTS_MAX) | Q(cancel_asked=True))
    )
    for run in spent:
        run.state = State.CANCELLED if run.cancel_asked else State.FAILED
        if run.state == State.FAILED:
            run.error = f"The training died {run.attempts} times. {run.error}".strip()[:500]
        run.lease_holder, run.ended_at = "", timezone.now()
        run.save(update_fields=["state", "error", "lease_holder", "ended_at"])
        audit.record(action=f"training.{run.state}", target=run, detail={"error": run.error})
