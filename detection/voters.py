"""What every engine shares: a batch is divided among lanes, and probabilities become votes. No torch."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image

from detection.bundle import Bundle
from detection.faces.align import FaceFrame
from detection.memory import keep_freed
from detection.views import FaceFrameMissing
from detection.voting import Vote, shifted

# At once in one lane. Fewer do not justify a second lane; more take memory (16: 0.15 GB more with two lanes) and save
# 4 % of the networks' time.
LANE_IMAGES_MIN, LANE_IMAGES_MAX = 4, 6


class Voters(ABC):
    """The five voters of a loaded bundle: four members and the stack."""

    engine: ClassVar[str]

    def __init__(self, bundle: Bundle, shift: float = 0.0) -> None:
        self.bundle, self.shift = bundle, shift
        self.thresholds = [shifted(part.threshold, shift) for part in bundle.parts]
        self.version, self.digest = bundle.version, bundle.digest
        self.member_names = (*(member.name for member in bundle.members), bundle.stack.name)
        self.input_side = max(member.view.side for member in bundle.members)
        self._lanes: ThreadPoolExecutor | None = None
        self._lane_count = 1

    def open_lanes(self, count: int | None, prepare_thread: Callable[[], None] | None = None) -> None:
        """Score on `count` threads, one per core by default, each of which calls `prepare_thread` first."""
        keep_freed()
        self._lane_count = count or len(os.sched_getaffinity(0))
        self._lanes = ThreadPoolExecutor(self._lane_count, "lane", initializer=prepare_thread)

    def score(
        self,
        images: Sequence[Image.Image],
        frames: Sequence[FaceFrame | None] = (),
        cells: Sequence[np.ndarray | None] = (),
    ) -> list[tuple[Vote, ...]]:
        """Five votes for each RGB image, in the order of `member_names`.

        frames: where the face of each image is; needed when the bundle `sees_faces`. cells: of each image's
        file (`detection.forensics.compression_cells.cells_of_file`), None where there are none; needed when the bundle
        has a `stack_input`, so that no caller forgets them.

        On the CPU the batch is divided among single-threaded lanes, one per core: for networks this small,
        torch's own threads spend half of their time waiting for each other (measured: 20.7 against 9.9 ms of
        CPU per image). Raises ValueError when a model returns NaN: a broken model must not vote; FaceFrameMissing
        before any vote, with the positions of the images that lack a frame.
        """
        framed = _one_for_each(images, frames, "face frames")
        if self.bundle.stack_input and images and not cells:
            raise ValueError("this bundle reads how files are compressed: give cells or None for each image")
        celled = _one_for_each(images, cells, "cells")
        if self.bundle.sees_faces and None in framed:
            raise FaceFrameMissing([place for place, frame in enumerate(framed) if frame is None])
        if self._lanes is None:
            return self._score(images, framed, celled)
        rounds = math.ceil(len(images) / (self._lane_count * LANE_IMAGES_MAX)) or 1
        size = max(LANE_IMAGES_MIN, math.ceil(len(images) / (self._lane_count * rounds)))
        starts = range(0, len(images), size)
        parts = [
            (images[start : start + size], framed[start : start + size], celled[start : start + size])
            for start in starts
        ]
        found = self._lanes.map(lambda part: self._score(*part), parts)
        return [votes for part in found for votes in part]

    def _score(
        self,
        images: Sequence[Image.Image],
        frames: Sequence[FaceFrame | None],
        cells: Sequence[np.ndarray | None],
    ) -> list[tuple[Vote, ...]]:
        if not images:
            return []
        parts = self.bundle.parts
        return [
            tuple(
                Vote(part.name, probability, threshold)
                for part, probability, threshold in zip(parts, row, self.thresholds, strict=True)
            )
            for row in self._probabilities(images, frames, cells)
        ]

    @abstractmethod
    def _probabilities(
        self,
        images: Sequence[Image.Image],
        frames: Sequence[FaceFrame | None],
        cells: Sequence[np.ndarray | None],
    ) -> list[list[float]]:
        """Of *fake*: of every image (at least one) in every part's order. Called by several threads at once."""


T = TypeVar("T")


def _one_for_each(images: Sequence[Image.Image], given: Sequence[T | None], name: str) -> list[T | None]:
    found: list[T | None] = list(given) or [None] * len(images)
    if len(found) != len(images):
        raise ValueError(f"{len(found)} {name} for {len(images)} images: give one for each")
    return found
