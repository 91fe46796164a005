"""Asking for a training run. The work itself is training.worker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.wake import TRAINING
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion
from kyc_review.training.erasure import require_unmarked
from kyc_review.training.jobs import JobRefused
from kyc_review.training.models import TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

EPOCHS_MAX = 200
# ml.training.decisions.LEAST, which the web process cannot import; a test holds the two together.
LEAST = 20
# Those of ml.balancing, likewise; the last stands for the four settings of system T, one for each voter.
DOCUMENT = "document"
BALANCES = ("pairs", "smote", "smote-under-focal", "under-focal", "under", DOCUMENT)
VOTERS = 4


@transaction.atomic
def run_request(
    *,
    snapshot: Snapshot,
    epochs: int = 3,
    seed: int = 0,
    miss: float = 0.1,
    scratch: bool = False,
    balance: str = BALANCES[0],
    weigh: bool = True,
    actor: User | None = None,
) -> TrainingRun:
    """Ask for a candidate trained on a ready snapshot, from the champion or from scratch.

    Raises PermissionDenied, JobRefused.
    """
    require_of_actor(actor, Right.TRAIN)
    init = champion()
    if init is None:
        raise JobRefused("No bundle is in production yet; run `manage.py prepare` first.")
    _require_trainable(snapshot)
    _require_sense(epochs, miss, balance)
    recipe = {
        "epochs": epochs,
        "seed": seed,
        "miss": miss,
        "scratch": scratch,
        "balance": balance,
        "weigh": weigh,
    }
    _require_first(snapshot, init, recipe)
    run = TrainingRun.objects.create(snapshot=snapshot, init=init, created_by=actor, **recipe)
    audit.record(
        action="training.requested",
        actor=actor,
        target=run,
        detail={"snapshot": snapshot.name, "init": init.digest} | recipe,
    )
    transaction.on_commit(TRAINING.send)
    return run


def _require_trainable(snapshot: Snapshot) -> None:
    """Raises JobRefused."""
    if snapshot.state != Snapshot.State.READY:
        raise JobRefused(f"Snapshot {snapshot.name} is not ready ({snapshot.get_state_display().lower()}).")
    require_unmarked(snapshot)
    if min(snapshot.count_real, snapshot.count_fake) < LEAST:
        raise JobRefused(
            f"Snapshot {snapshot.name} has {snapshot.count_real} real and {snapshot.count_fake} fake decisions; "
            f"training needs at least {LEAST} of each, on different applicants. Review more items, then make a new "
            "snapshot."
        )
    decisions, least = snapshot.count_real + snapshot.count_fake, settings.TRAINING_DECISIONS_MIN
    if decisions < least:
        raise JobRefused(
            f"Snapshot {snapshot.name} has {decisions} decisions; training needs at least {least}, because from fewer "
            f"a candidate is seldom better than its champion and its hold-out cannot show it. Review "
            f"{least - decisions} more, then make a new snapshot."
        )


def _require_sense(epochs: int, miss: float, balance: str) -> None:
    """Raises JobRefused."""
    if not 1 <= epochs <= EPOCHS_MAX:
        raise JobRefused(f"Choose 1 to {EPOCHS_MAX} epochs.")
    if not 0.001 <= miss <= 0.5:
        raise JobRefused("The share of fakes that may be missed must lie between 0.001 and 0.5.")
    ways = balance.split(",")
    if unknown := sorted(set(ways) - set(BALANCES)):
        raise JobRefused(
            f"{', '.join(unknown)} is not a balancing method: choose from {', '.join(BALANCES)}."
        )
    if len(ways) not in (1, VOTERS) or (len(ways) > 1 and DOCUMENT in ways):
        raise JobRefused(f"Choose one balancing method, or one for each of the {VOTERS} voters.")


def _require_first(snapshot: Snapshot, init: Bundle, recipe: dict[str, Any]) -> None:
    """The same seed makes the same candidate, so a button pressed twice or a request sent again asks for nothing new.

    Raises JobRefused.
    """
    Snapshot.objects.select_for_update(no_key=True).get(pk=snapshot.pk)  # one after the other
    waiting = [TrainingRun.State.QUEUED, TrainingRun.State.RUNNING]
    twin = TrainingRun.objects.filter(
        snapshot=snapshot, init=init, state__in=waiting, cancel_asked=False, **recipe
    ).first()
    if twin is not None:
        raise JobRefused(f"Run {twin.pk} does exactly this and has not ended; wait for it, or cancel it.")
