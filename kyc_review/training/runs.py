"""Asking for a training run. The work itself is training.worker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.stored_texts import shown, stored
from kyc_review.core.wake import TRAINING
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import serving_promotion
from kyc_review.review.models import Decision
from kyc_review.training.erasure import require_unmarked
from kyc_review.training.jobs import JobRefused, not_ready
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

# Trainings by the calendar keep these.
NOTHING_SERVES = stored(gettext_noop("No bundle is in production yet; run `manage.py prepare` first."))
NOT_STARTED = stored(gettext_noop("The training by the calendar did not start"))
TOO_SMALL = stored(gettext_noop("Snapshot %(name)s is too small."))
TOO_FEW_APPLICANTS = stored(
    gettext_noop(
        "It has decisions on %(real)s applicants labelled real and %(fake)s labelled fake, and training needs at least "
        "%(least)s different applicants of each label."
    )
)
TOO_FEW_DECISIONS = stored(
    gettext_noop(
        "It has %(decisions)s decisions, and training needs at least %(least)s (TRAINING_DECISIONS_MIN, %(more)s "
        "more), because from fewer a candidate is seldom better than its champion and its hold-out cannot show it."
    )
)
REVIEW_MORE = stored(gettext_noop("Review more items, then make a new snapshot."))


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
    serving = serving_promotion()
    if serving is None:
        raise JobRefused(shown(NOTHING_SERVES))
    init = serving.bundle
    _require_trainable(snapshot)
    _require_sense(epochs, miss, balance)
    recipe = {
        "init_shift": serving.shift,
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
        raise JobRefused(not_ready(snapshot))
    require_unmarked(snapshot)
    if missing := _too_few(snapshot):
        head = TOO_SMALL % {"name": snapshot.name}
        raise JobRefused(" ".join(map(shown, [head, *missing, REVIEW_MORE])))


def _too_few(snapshot: Snapshot) -> list[str]:
    """Every rule that the snapshot breaks, so that a person who meets one is not stopped by the next."""
    # Applicants are what is split into sides; facts from before they were counted tell decisions only.
    people = (snapshot.facts or {}).get("applicants") or {}
    decided = {Label.REAL: snapshot.count_real, Label.FAKE: snapshot.count_fake}
    counts = {label: people.get(label, decided[label]) for label in decided}
    missing = []
    if min(counts.values()) < LEAST:
        missing.append(
            TOO_FEW_APPLICANTS % {"real": counts[Label.REAL], "fake": counts[Label.FAKE], "least": LEAST}
        )
    decisions, least = sum(decided.values()), settings.TRAINING_DECISIONS_MIN
    if decisions < least:
        missing.append(
            TOO_FEW_DECISIONS % {"decisions": decisions, "least": least, "more": least - decisions}
        )
    return missing


def _require_sense(epochs: int, miss: float, balance: str) -> None:
    """Raises JobRefused."""
    if not 1 <= epochs <= EPOCHS_MAX:
        raise JobRefused(gettext("Choose 1 to %(most)s epochs.") % {"most": EPOCHS_MAX})
    if not 0.001 <= miss <= 0.5:
        raise JobRefused(gettext("The share of fakes that may be missed must lie between 0.001 and 0.5."))
    ways = balance.split(",")
    if unknown := sorted(set(ways) - set(BALANCES)):
        raise JobRefused(
            gettext("%(unknown)s is not a balancing method: choose from %(known)s.")
            % {"unknown": ", ".join(unknown), "known": ", ".join(BALANCES)}
        )
    if len(ways) not in (1, VOTERS) or (len(ways) > 1 and DOCUMENT in ways):
        raise JobRefused(
            gettext("Choose one balancing method, or one for each of the %(number)s voters.")
            % {"number": VOTERS}
        )


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
        raise JobRefused(
            gettext("Run %(number)s does exactly this and has not ended; wait for it, or cancel it.")
            % {"number": twin.pk}
        )
