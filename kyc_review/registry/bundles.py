"""Writes on the bundle registry: register, promote, roll back.

Files come first and rows second, and a bundle's files are named by its digest: whatever dies between the two leaves
files that the next registration finds and checks, never a row without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from detection import bundle as disk
from detection.bundle import BundleRefused
from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.leases import Alive, no_lease
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.stored_texts import stored
from kyc_review.notices.models import Kind as NoticeKind
from kyc_review.notices.outbox import notice_record
from kyc_review.registry.approval import objections
from kyc_review.registry.bundle_files import bundle_check, bundle_store
from kyc_review.registry.models import Bundle, Promotion, Shadow
from kyc_review.registry.selectors import champion, promotion_before, serving_promotion

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

FIRST_START = stored(gettext_noop("First start: the baseline that ships."))
REASON_MAX = 300  # characters, of the column
# Promotions follow one another: the order of their keys is the order in which they took effect.
PROMOTION_LOCK = 0x6B79_6301


# The record of a shadow keeps it.
IN_PRODUCTION = stored(gettext_noop("It is in production now."))


class PromotionRefused(DomainError):
    """It cannot be promoted or rolled back so; the text says why."""

    code = "promotion_refused"


class NothingToRollBack(PromotionRefused):
    """No bundle served before this one, or another one serves by now; the text says which."""

    code = "nothing_to_roll_back"


class RollbackRepeated(PromotionRefused):
    """The latest change in production was a rollback; one person alone goes back no further."""

    code = "rollback_repeated"


def bundle_register(*, path: Path, source: str, actor: User | None = None, alive: Alive = no_lease) -> Bundle:
    """Verify a bundle, keep a copy in the storage and its row; registering it again changes nothing.

    alive: called while files are copied. Raises detection.bundle.BundleRefused, OSError.
    """
    found = disk.read(path)
    bundle_store(found, alive=alive)
    with transaction.atomic():
        row, is_new = Bundle.objects.get_or_create(
            digest=found.digest,
            defaults={
                "version": found.version,
                "source": Bundle.Source(source).value,
                "trained_at": found.created_at,
                "metrics": dict(found.metrics),
                "provenance": dict(found.provenance),
                "registered_by": actor,
            },
        )
        if is_new:
            audit.record(
                action="bundle.registered",
                actor=actor,
                target=row,
                detail={"version": row.version, "digest": row.digest, "source": row.source},
            )
    return row


def bundle_promote(*, bundle: Bundle, actor: User | None, reason: str = "", shift: float = 0.0) -> Promotion:
    """Make the bundle serve from the workers' next lease on; promoting the champion again changes nothing.

    Its files are hashed again first, before any lock is held: a storage can be silent. `shift` moves its thresholds on
    the logit scale. Raises PermissionDenied when the actor may not promote, PromotionRefused for a reason that is too
    long, BundleRefused.
    """
    require_of_actor(actor, Right.PROMOTE)
    latest = serving_promotion()
    if latest and (latest.bundle_id, latest.shift) == (bundle.pk, shift):
        return latest
    bundle_check(bundle)
    return bundle_promote_checked(bundle=bundle, actor=actor, reason=reason, shift=shift)


@transaction.atomic
def bundle_promote_checked(
    *, bundle: Bundle, actor: User | None, reason: str = "", shift: float = 0.0
) -> Promotion:
    """As `bundle_promote`, for a caller that has checked the files just now and has its own transaction."""
    require_of_actor(actor, Right.PROMOTE)
    lock_for_transaction(PROMOTION_LOCK)
    latest = serving_promotion()
    if latest and (latest.bundle_id, latest.shift) == (bundle.pk, shift):
        return latest
    return _exchange(bundle, Promotion.Kind.PROMOTE, actor, reason, shift)


def bundle_rollback(*, actor: User | None, reason: str = "", leaving: str = "") -> Promotion:
    """Return to the bundle and operating point that were in production before the latest promotion.

    A person takes back one promotion only; otherwise one admin could walk down to the oldest bundle without a gate and
    without a second admin. The operator of the server (no actor) can go back several times.
    `leaving`: the champion's digest as the caller saw it, so that a request sent twice goes back once; a person must
    give it. The files are checked before the lock is taken, and while their storage does not answer, a sound copy on
    this machine counts. Raises PermissionDenied when the actor may not promote, PromotionRefused (NothingToRollBack,
    RollbackRepeated, or a reason that is too long), and BundleRefused when the files of the previous bundle have
    changed or cannot be had.
    """
    require_of_actor(actor, Right.PROMOTE)
    checked = _returned_to(actor, leaving).bundle
    bundle_check(checked, copy_counts=True)
    with transaction.atomic():
        lock_for_transaction(PROMOTION_LOCK)
        before = _returned_to(actor, leaving)
        if before.bundle_id != checked.pk:
            raise NothingToRollBack(
                gettext("Another bundle is in production now; check it before you roll back.")
            )
        return _exchange(before.bundle, Promotion.Kind.ROLLBACK, actor, reason, before.shift)


def _returned_to(actor: User | None, leaving: str) -> Promotion:
    """What a rollback of now goes back to. Raises NothingToRollBack, RollbackRepeated."""
    latest, before = serving_promotion(), promotion_before()
    if latest and (actor or leaving) and latest.bundle.digest != leaving:
        raise NothingToRollBack(
            gettext("Another bundle is in production now; check it before you roll back.")
        )
    if before is None:
        raise NothingToRollBack(
            gettext("No other bundle was in production before this one; promote one instead.")
        )
    if actor and latest and latest.kind == Promotion.Kind.ROLLBACK:
        raise RollbackRepeated(
            gettext(
                "The latest change in production was a rollback already. To go back further, compare the earlier "
                "bundle with the one in production and propose it; another admin must approve."
            )
        )
    return before


def promotions_lock() -> None:
    """Let no other promotion or rollback take effect until the caller's transaction ends."""
    lock_for_transaction(PROMOTION_LOCK)


def baseline_install() -> Bundle:
    """Promote the bundle that ships when nothing serves yet; return what serves. Safe to repeat.

    Raises BundleRefused when nothing serves and the baseline is missing or damaged.
    """
    if (present := champion()) is not None:
        return present
    path = Path(settings.BASELINE_BUNDLE)
    if not (path / disk.MANIFEST).is_file():
        raise BundleRefused(
            f"the baseline bundle is missing: {path / disk.MANIFEST} does not exist; restore it from the release, "
            f"or train one with `python -m ml baseline --out {path}`"
        )
    row = bundle_register(path=path, source=Bundle.Source.BASELINE)
    with transaction.atomic():
        lock_for_transaction(PROMOTION_LOCK)
        return champion() or bundle_promote_checked(bundle=row, actor=None, reason=FIRST_START).bundle


def _exchange(
    bundle: Bundle, kind: Promotion.Kind, actor: User | None, reason: str, shift: float
) -> Promotion:
    before = champion()
    reason = text_within(reason, REASON_MAX, "The reason", PromotionRefused)
    row = Promotion.objects.create(bundle=bundle, kind=kind, promoted_by=actor, reason=reason, shift=shift)
    row.refresh_from_db(fields=["promoted_at"])  # the database sets it
    if objections(row):  # workers would refuse it, and nothing would be scored
        raise PromotionRefused(
            gettext(
                "Scoring workers would refuse this promotion or rollback, because two people have not approved what "
                "it brings into production. Nothing was changed. Compare that bundle with the one in production and "
                "propose it; another admin must approve."
            )
        )
    ended = {"ended_at": timezone.now(), "remark": IN_PRODUCTION}
    Shadow.objects.filter(bundle=bundle, ended_at=None).update(**ended)
    audit.record(
        action="bundle.promoted" if kind == Promotion.Kind.PROMOTE else "bundle.rolled_back",
        actor=actor,
        target=bundle,
        detail={
            "promotion": row.pk,
            "version": bundle.version,
            "digest": bundle.digest,
            "before": before.digest if before else None,
            "shift": shift,
            "reason": row.reason,
        },
    )
    did = "promoted" if kind == Promotion.Kind.PROMOTE else "rolled back to"
    notice_record(
        kind=NoticeKind.CHANGED,
        title=f"{actor or 'The operator'} {did} {bundle.version}: it is in production",
        text=row.reason,
        path=reverse("registry:model", args=[bundle.digest]),
        except_for=actor,
    )
    return row
