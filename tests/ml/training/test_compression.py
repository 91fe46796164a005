import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection.decoding import decode
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import CELLS, FileGrid, cells_of_file, compression_cells, file_grid
from detection.networks.compression_cells import CompressionCells
from detection.views import FaceFrameMissing
from ml.synthesis.whole_changes import CHANGES, UNCHANGED, changed
from ml.training.compression import CompressionRows, concatenated, fit, scores
from ml.training.compression_model import exported

SIDE = 192
FRAME = FaceFrame((66.0, 90.0), (126.0, 90.0), SIDE, SIDE)


def saved(pixels: np.ndarray, quality: int) -> bytes:
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "JPEG", quality=quality)
    return coded.getvalue()


def textures(seed: int, count: int) -> list[tuple[bytes, bytes]]:
    """Files of a genuine texture that was saved twice, and of the same one with its middle moved in between."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        grain = rng.normal(128, rng.uniform(15, 40), (SIDE, SIDE, 1)).clip(0, 255).astype(np.uint8)
        first = np.asarray(decode(saved(np.repeat(grain, 3, 2), int(rng.integers(60, 75)))))
        moved = first.copy()
        moved[50:140, 50:140] = (first[50:140, 50:140] // 2) + (first[50:140, 51:141] // 2)
        quality = int(rng.integers(85, 95))
        pairs.append((saved(first, quality), saved(moved, quality)))
    return pairs


def rows(seed: int, count: int) -> CompressionRows:
    cells = []
    for pair in textures(seed, count):
        for data in pair:
            picture = decode(data)
            grid = file_grid(data, picture.size)
            assert grid is not None
            found = compression_cells(picture, FRAME, grid)
            assert found is not None
            cells.append(found.astype(np.float16))
    label = np.tile([0, 1], count)
    return CompressionRows(
        cells=np.stack(cells),
        label=label,
        made=label,
        kind=np.where(label == 1, "warp/nose/push", "real"),
        post=np.full(2 * count, "none"),
        change=np.full(2 * count, "unchanged"),
        source=np.full(2 * count, "texture"),
        group=np.repeat(np.arange(count), 2).astype(str),
        job=np.repeat(np.arange(count), 2),
    )


@pytest.fixture(scope="module")
def learned() -> tuple[CompressionCells, CompressionRows]:
    network = fit(rows(0, 96), epochs=16)
    return network, rows(1, 60)


def test_it_learns_to_tell_a_moved_part_from_a_picture_that_was_only_saved_again(
    learned: tuple[CompressionCells, CompressionRows],
) -> None:
    network, held = learned
    score = scores(network, held)
    assert (score[held.label == 1] > score[held.label == 0]).mean() > 0.9


def test_the_threshold_counts_each_person_once_and_the_written_model_gives_the_same_scores(
    learned: tuple[CompressionCells, CompressionRows], tmp_path: Path
) -> None:
    network, held = learned
    twice = concatenated([held, dataclasses.replace(held, job=held.job + 1000)])
    model = exported(
        tmp_path / "compression", network, twice, held, provenance={"data": "texture"}, share=0.1
    )
    assert model.metrics["certificate"]["genuine"] == 60
    assert model.review_above is not None
    assert model.sees_faces
    for data in textures(1, 60)[0]:
        picture = decode(data)
        score = model.score(picture, FRAME, cells_of_file(data, picture, FRAME))
        assert score is not None
        assert 0 <= score <= 1
    genuine, edited = textures(1, 60)[0]
    expected = scores(network, held)[:2]
    found: list[Any] = [
        model.score(decode(data), FRAME, cells_of_file(data, decode(data), FRAME))
        for data in (genuine, edited)
    ]
    np.testing.assert_allclose(found, expected, atol=0.02)  # weights are kept in half precision


def test_it_has_nothing_to_say_without_cells_and_asks_for_the_face(
    learned: tuple[CompressionCells, CompressionRows], tmp_path: Path
) -> None:
    network, held = learned
    model = exported(tmp_path / "compression", network, held, held, provenance={"data": "texture"}, share=0.1)
    picture = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    assert model.score(picture, FRAME, None) is None
    tiny = FaceFrame((90.0, 90.0), (100.0, 90.0), SIDE, SIDE)
    assert compression_cells(picture, tiny, FileGrid(np.full((8, 8), 4), 1)) is None
    with pytest.raises(FaceFrameMissing):
        model.score(picture, None, held.cells[0].astype(np.float32))


def test_half_of_the_faces_are_mirrored_part_by_part() -> None:
    from ml.training.compression import _mirrored

    cells = torch.arange(CELLS).float()[None, :, None].expand(64, CELLS, 2)
    seen = _mirrored(cells, np.random.default_rng(0))
    assert seen[:, 16:].eq(cells[:, 16:]).all()
    assert {tuple(row[:4, 0].int().tolist()) for row in seen} == {(0, 1, 2, 3), (3, 2, 1, 0)}


def test_changes_of_the_whole_picture_keep_its_size_and_every_kind_is_drawn() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 80, 3), dtype=np.uint8)
    found = [changed(image, np.random.default_rng(seed)) for seed in range(120)]
    assert {name for _, name in found} == {UNCHANGED, *CHANGES}
    for pixels, name in found:
        assert (pixels.shape, pixels.dtype) == (image.shape, np.uint8)
        assert (name == UNCHANGED) == np.array_equal(pixels, image)
