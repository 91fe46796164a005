"""Writes on the registry of bundles: register, promote, roll back."""

import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import transaction

from detection import bundle as files
from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.retraining.models import Bundle, Promotion
from kyc_review.retraining.selectors import champion, previous_champion

# Serialises promotions: two admins at once are put in order, and both see what the other did.
PROMOTION_LOCK = 0x6B7963


def bundle_register(*, path: Path, source: str, actor: User | None = None) -> Bundle:
    """Verify a bundle, copy it into the registry and record it; registering it again changes nothing.

    Raises BundleRefused.
    """
    found = files.read(path)
    _copy(found)
    with transaction.atomic():
        row, created = Bundle.objects.get_or_create(
            digest=found.digest,
            defaults={
                "version": found.version,
                "source": source,
                "trained_at": found.created_at,
                "provenance": dict(found.provenance),
                "metrics": dict(found.metrics),
                "registered_by": actor,
            },
        )
        if created:
            audit.record(action="bundle.registered", actor=actor, target=row, detail={"digest": row.digest})
    return row


def bundle_promote(
    *, bundle: Bundle, actor: User | None = None, reason: str = "", kind: str = Promotion.Kind.PROMOTE
) -> Promotion:
    """Make a bundle champion after checking its files once more; workers load it before their next batch.

    Raises BundleRefused when its files are missing, changed or another bundle's.
    """
    if files.read(bundle.directory).digest != bundle.digest:
        raise BundleRefused(f"{bundle.directory} holds another bundle; register {bundle.version} again")
    with transaction.atomic():
        _promotion_lock()
        before = champion()
        promotion = Promotion.objects.create(bundle=bundle, kind=kind, reason=reason, promoted_by=actor)
        audit.record(
            action=f"bundle.{'promoted' if kind == Promotion.Kind.PROMOTE else 'rolled_back'}",
            actor=actor,
            target=bundle,
            detail={"digest": bundle.digest, "before": before.digest if before else None, "reason": reason},
        )
    return promotion


def bundle_rollback(*, actor: User | None = None, reason: str = "") -> Promotion:
    """Return to the bundle that served before. Raises BundleRefused when there is none."""
    earlier = previous_champion()
    if earlier is None:
        raise BundleRefused("there is no earlier champion to return to")
    return bundle_promote(bundle=earlier, actor=actor, reason=reason, kind=Promotion.Kind.ROLLBACK)


def baseline_install() -> Bundle:
    """Promote the bundle that ships when nothing serves yet. Raises BundleRefused when it is missing or damaged."""
    present = champion()
    if present is not None:
        return present
    row = bundle_register(path=settings.BASELINE_BUNDLE, source=Bundle.Source.BASELINE)
    bundle_promote(bundle=row, reason="first start")
    return row


def _copy(found: files.Bundle) -> None:
    """Into BUNDLES_DIR/<digest>, complete or not at all."""
    target = Path(settings.BUNDLES_DIR) / found.digest
    if target.exists():
        try:
            files.read(target)
            return
        except BundleRefused:  # damaged since: the good copy in hand replaces it
            shutil.rmtree(target)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".part-"))
    try:
        names = [files.MANIFEST, *(part.file for part in (*found.members, found.stack))]
        for name in [*names, files.MODEL_CARD]:
            if name != files.MODEL_CARD or (found.path / name).exists():
                shutil.copyfile(found.path / name, temporary / name)
        files.read(temporary)
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.exists():  # else another process registered the same bundle meanwhile
            raise


def _promotion_lock() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PROMOTION_LOCK])
