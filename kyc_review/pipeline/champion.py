"""The ensemble whose votes count: loaded once, exchanged between two batches when another is promoted."""

import logging
from typing import TYPE_CHECKING

from django.conf import settings

from detection.bundle import BundleRefused
from detection.exported.files import EngineRefused
from detection.memory import give_back_freed
from detection.voters import Voters
from kyc_review.pipeline import auxiliary_models
from kyc_review.pipeline.engines import ONNXRUNTIME, exported_voters
from kyc_review.pipeline.heartbeat import engine_refused
from kyc_review.registry.approval import require_approved
from kyc_review.registry.bundle_files import bundle_folder, changed
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import serving_promotion

if TYPE_CHECKING:
    from detection.ensemble import Ensemble

log = logging.getLogger(__name__)
_loaded: Voters | None = None
_approved: int | None = None  # the promotion that was found approved; its row is written once


def is_loaded() -> bool:
    """Whether this process has loaded an ensemble before."""
    return _loaded is not None


def serving_ensemble() -> Voters:
    """The ensemble in production.

    Raises RuntimeError without a promotion, NotApproved, BundleRefused when none can be loaded.
    """
    global _loaded, _approved
    promotion = serving_promotion()
    if promotion is None:
        raise RuntimeError(
            "No bundle is in production; run `manage.py prepare` or `manage.py bundle promote`."
        )
    if promotion.pk != _approved:
        # Not even the bundle before goes on: what the database names now was never approved.
        require_approved(promotion)
        _approved = promotion.pk
    bundle = promotion.bundle
    if _loaded is not None and (_loaded.digest, _loaded.shift) == (bundle.digest, promotion.shift):
        return _loaded
    try:
        _loaded = load_ensemble(bundle, shift=promotion.shift)
        give_back_freed()
    except BundleRefused as refusal:
        if _loaded is None:
            raise
        # Continuing with the previous bundle is better than a standstill; every verdict names its bundle.
        log.error("continuing with %s: the champion cannot be loaded: %s", _loaded.version, refusal)
        return _loaded
    log.info("serving bundle %s (%s)", bundle.version, bundle.digest[:12])
    return _loaded


def load_ensemble(bundle: Bundle, *, shift: float = 0.0) -> Voters:
    """Load a registered bundle into the engine that the settings name, or into torch when ONNX Runtime is refused.

    Raises BundleRefused, also when its files are missing from the storage or not those that were registered.
    """
    if settings.SCORING_ENGINE == ONNXRUNTIME:
        try:
            voters = exported_voters(bundle, shift=shift, threads=settings.SCORING_THREADS or None)
        except EngineRefused as refused:
            engine_refused(str(refused))
        else:
            if settings.AUXILIARY_REVIEW:
                auxiliary_models.asking()  # before a picture waits for them
            return voters
    return load_with_torch(bundle, shift=shift)


def load_with_torch(bundle: Bundle, *, shift: float = 0.0, threads: int | None = None) -> "Ensemble":
    """Load a registered bundle into torch, onto the device that the settings name. Raises as `load_ensemble` does."""
    from detection.ensemble import Ensemble  # a worker with ONNX Runtime never loads torch

    with bundle_folder(bundle) as folder:
        loaded = Ensemble.load(
            folder,
            device=settings.SCORING_DEVICE,
            threads=threads or settings.SCORING_THREADS or None,
            shift=shift,
        )
    if loaded.digest != bundle.digest:
        raise BundleRefused(changed(bundle, loaded.digest))
    return loaded
