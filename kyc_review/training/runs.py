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
from kyc_review.review.models import Decision
from kyc_review.training.erasure import require_unmarked
from kyc_review.training.jobs import JobRefused
from kyc_review.training.models import TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

Label = Decision.Label

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
    if missing := _too_few(snapshot):
        raise JobRefused(
            f"Snapshot {snapshot.name} is too small: {' Also, '.join(missing)} Review more items, then make a new "
            "snapshot."
        )


def _too_few(snapshot: Snapshot) -> list[str]:
    """Every rule that the snapshot breaks, so that a person who meets one is not stopped by the next."""
    # Applicants are what is split into sides; facts from before they were counted tell decisions only.
    people = (snapshot.facts or {}).get("applicants") or {}
    decided = {Label.REAL: snapshot.count_real, Label.FAKE: snapshot.count_fake}
    counts = {label: people.get(label, decided[label]) for label in decided}
    missing = []
    if min(counts.values()) < LEAST:
        missing.append(
            f"it has decisions on {counts[Label.REAL]} applicants labelled real and {counts[Label.FAKE]} labelled "
            f"fake, and training needs at least {LEAST} different applicants of each label."
        )
    decisions, least = sum(decided.values()), settings.TRAINING_DECISIONS_MIN
    if decisions < least:
        missing.append(
            f"it has {decisions} decisions, and training needs at least {least} (TRAINING_DECISIONS_MIN; "
            f"{least - decisions} more), because from fewer a candidate is seldom better than its champion and its "
            "hold-out cannot show it."
        )
    return missing


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
