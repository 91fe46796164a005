"""The auxiliary models of this release and of this bank, and what they ask for."""

import logging
from functools import cache

from django.conf import settings
from PIL import Image

from detection.auxiliary import (
    AuxiliaryModel,
    AuxiliaryModelRefused,
    load_auxiliary_model,
    shipped_auxiliary_models,
)
from detection.auxiliary.model import MANIFEST
from detection.auxiliary_alarm import AuxiliaryAlarm
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import FileGrid

log = logging.getLogger(__name__)


@cache
def loaded() -> list[AuxiliaryModel]:
    """The models that can be loaded. One that cannot is logged and left out: it shows nothing, asks for nothing."""
    models = []
    own = sorted(path.parent for path in settings.AUXILIARY_MODELS_DIR.glob(f"*/{MANIFEST}"))
    for path in [*shipped_auxiliary_models(), *own]:
        try:
            models.append(load_auxiliary_model(path))
        except AuxiliaryModelRefused as refusal:
            log.error("an auxiliary model is skipped: %s", refusal)
    return models


def alarm(image: Image.Image, frame: FaceFrame | None, grid: FileGrid | None) -> AuxiliaryAlarm | None:
    """The first alarm of the models that have a threshold, None when all stay below theirs or have nothing to say.

    image: upright RGB; frame: where its face is; grid: of its file. Raises ValueError when a model gives no number.
    """
    for model in loaded():
        if model.review_above is None:
            continue
        score = model.score(image, frame, grid)
        if score is None:
            continue
        if not 0 <= score <= 1:
            raise ValueError(f"the auxiliary model {model.name} gives {score}, which is no probability")
        if score >= model.review_above:
            return AuxiliaryAlarm(model.name, score, model.review_above)
    return None
