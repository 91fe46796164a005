"""The auxiliary models of this release and of this bank, and what they ask for."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from django.conf import settings
from PIL import Image

from detection.auxiliary_alarm import AuxiliaryAlarm
from detection.auxiliary_files import MANIFEST, may_ask_for_person, shipped_auxiliary_models
from detection.exported.files import EngineRefused
from detection.faces.align import FaceFrame
from kyc_review.pipeline.engines import ONNXRUNTIME, exported_auxiliary
from kyc_review.pipeline.heartbeat import engine_refused

if TYPE_CHECKING:
    from detection.auxiliary import AuxiliaryModel

log = logging.getLogger(__name__)


class Scorer(Protocol):
    """A model that may ask for a person, whatever engine computes its score."""

    @property
    def name(self) -> str: ...

    @property
    def review_above(self) -> float | None: ...

    def score(
        self, image: Image.Image, frame: FaceFrame | None = None, cells: np.ndarray | None = None
    ) -> float | None: ...


@cache
def loaded() -> list["AuxiliaryModel"]:
    """The models that torch can load. One that cannot is logged and left out: it shows nothing, asks for nothing."""
    from detection.auxiliary import AuxiliaryModelRefused, load_auxiliary_model

    models = []
    for path in _folders():
        try:
            models.append(load_auxiliary_model(path))
        except AuxiliaryModelRefused as refusal:
            log.error("an auxiliary model is skipped: %s", refusal)
    return models


def asking() -> Sequence[Scorer]:
    """The models that may ask for a person, in the engine that the settings name, or in torch when that is refused."""
    if settings.SCORING_ENGINE == ONNXRUNTIME and (exported := _exported()) is not None:
        return exported
    return loaded()


@cache
def _exported() -> Sequence[Scorer] | None:
    """None: ONNX Runtime is refused for one of them."""
    try:
        return [exported_auxiliary(path) for path in _folders() if may_ask_for_person(path)]
    except EngineRefused as refused:
        engine_refused(str(refused))
        return None


def _folders() -> list[Path]:
    own = sorted(path.parent for path in settings.AUXILIARY_MODELS_DIR.glob(f"*/{MANIFEST}"))
    return [*shipped_auxiliary_models(), *own]


def alarm(image: Image.Image, frame: FaceFrame | None, cells: np.ndarray | None) -> AuxiliaryAlarm | None:
    """The first alarm of the models that have a threshold, None when all stay below theirs or have nothing to say.

    image: upright RGB; frame: where its face is; cells: of its file. Raises ValueError when a model gives no number.
    """
    for model in asking():
        if model.review_above is None:
            continue
        score = model.score(image, frame, cells)
        if score is None:
            continue
        if not 0 <= score <= 1:
            raise ValueError(f"the auxiliary model {model.name} gives {score}, which is no probability")
        if score >= model.review_above:
            return AuxiliaryAlarm(model.name, score, model.review_above)
    return None
