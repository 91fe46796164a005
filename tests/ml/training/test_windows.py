from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection.bundle import View
from detection.preprocess import batch
from detection.views import crop
from ml.pictures import (
    INDEX,
    PIXELS,
    Picture,
    PictureStore,
    is_finished,
    mark_finished,
    write_pictures,
)
from ml.training.windows import MASK_CELL, Framing, WindowSampler, cut, cut_mask, served_batch

VIEW = View(64, 0.8)


def picture(number: int, label: int, *, made: bool = False, post: str = "file") -> Picture:
    """A noisy picture of its own size; forged ones are edited in their middle."""
    size = (90 + 4 * number, 110)
    image = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
    mask = np.zeros(size, np.uint8)
    if label:
        mask[size[0] // 2 - 10 : size[0] // 2 + 10, 45:65] = 255
    return Picture(image, mask, label, made, True, number, "kind", post, 0.5, 9.0 * made)


def stored(folder: Path) -> PictureStore:
    own = [picture(0, 0), picture(1, 0), picture(2, 1), picture(3, 1), picture(4, 1)]
    pairs = [picture(5 + k // 2, k % 2, made=bool(k % 2), post="none") for k in range(8)]
    return write_pictures(folder, [*own, *pairs])


def test_a_store_gives_back_what_was_written(tmp_path: Path) -> None:
    store = stored(tmp_path)
    given = picture(3, 1)
    assert len(store) == 13
    assert np.array_equal(store.image(3), given.image)
    assert store.mask(3).shape == (26, 28)
    assert store.mask(3)[13, 14] == 255
    assert store.mask(3)[0, 0] == 0
    assert store.columns["label"].tolist() == [0, 0, 1, 1, 1] + [0, 1] * 4


def test_a_store_that_was_cut_off_is_not_read(tmp_path: Path) -> None:
    stored(tmp_path)
    with (tmp_path / PIXELS).open("rb+") as file:
        file.truncate(100)
    with pytest.raises(ValueError, match="incomplete"):
        PictureStore(tmp_path)


def test_a_store_is_finished_for_what_it_was_made_from_only(tmp_path: Path) -> None:
    stored(tmp_path)
    assert not is_finished(tmp_path, {"seed": 1})
    mark_finished(tmp_path, {"seed": 1})
    assert is_finished(tmp_path, {"seed": 1})
    assert not is_finished(tmp_path, {"seed": 2})
    (tmp_path / INDEX).unlink()
    assert not is_finished(tmp_path, {"seed": 1})


@pytest.mark.parametrize("view", [VIEW, View(64, 1.0), View(128, 0.5)])
def test_without_augmentation_a_view_is_what_serving_sees(tmp_path: Path, view: View) -> None:
    """To two grey levels: serving resizes the whole picture, training the part that it needs."""
    image = stored(tmp_path).image(4)
    found, _ = cut(image, view, Framing())
    assert np.abs(found.astype(int) - crop(Image.fromarray(image), view)).max() <= 2


def test_what_is_measured_is_exactly_what_serving_sees(tmp_path: Path) -> None:
    store = stored(tmp_path)
    images = [Image.fromarray(store.image(row)) for row in (1, 7)]
    assert torch.equal(served_batch(store, np.array([1, 7]), VIEW), batch(images, VIEW))


@pytest.mark.parametrize(
    "framing", [Framing(), Framing(0.85, (0.04, -0.03)), Framing(0.9, (0.05, 0.0), True)]
)
def test_the_mask_lies_where_the_edit_is(framing: Framing) -> None:
    """The edited square is white in an otherwise black picture: where the view is white, the mask must be."""
    image, mask = np.zeros((200, 240, 3), np.uint8), np.zeros((50, 60), np.uint8)
    image[60:100, 80:140], mask[15:25, 20:35] = 255, 255
    pixels, box = cut(image, View(160, 0.9), framing)
    white = pixels[..., 0].reshape(20, MASK_CELL, 20, MASK_CELL).mean((1, 3))
    marked = cut_mask(mask, View(160, 0.9), box, framing.mirror)
    assert np.abs(white - marked.astype(float)).mean() < 4
    assert np.array_equal(white > 250, marked > 250) or np.abs(white - marked).max() < 110


def test_a_photograph_and_its_forgery_are_framed_alike_and_a_sources_own_are_not(tmp_path: Path) -> None:
    """The pictures are noise of one seed a pair, so that equal framing shows as equal pixels."""
    sampler = WindowSampler(stored(tmp_path), VIEW, own=0.5, batch=8, seed=3)
    drawn = sampler.draw(0)
    assert drawn.label.tolist() == [0, 1] * 4
    assert torch.equal(drawn.images[4], drawn.images[5])
    assert torch.equal(drawn.images[6], drawn.images[7])
    assert not torch.equal(drawn.images[0], drawn.images[1])
    assert drawn.mask.shape == (8, 8, 8)
    assert drawn.mask[5].max() > 0.9
    assert drawn.mask[4].max() == 0


def test_a_steps_batch_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    store = stored(tmp_path)
    first, second = (WindowSampler(store, VIEW, own=0.5, batch=8, seed=3) for _ in range(2))
    first.draw(0)
    assert torch.equal(first.draw(5).images, second.draw(5).images)
    assert not torch.equal(first.draw(5).images, first.draw(6).images)


def test_every_fake_is_seen_once_before_one_is_seen_again(tmp_path: Path) -> None:
    sampler = WindowSampler(stored(tmp_path), VIEW, own=1.0, batch=6, seed=0)
    laps = [sampler._in_order(sampler.fakes, step, 3, 1).tolist() for step in range(2)]
    assert [sorted(lap) for lap in laps] == [[2, 3, 4], [2, 3, 4]]
    ones = [int(sampler._in_order(sampler.fakes, step, 1, 1)[0]) for step in range(6)]
    assert sorted(ones[:3]) == sorted(ones[3:]) == [2, 3, 4]


def test_a_forgery_that_changed_nothing_is_not_taught(tmp_path: Path) -> None:
    faint = [picture(1, 0, post="none"), picture(1, 1, made=True, post="none")]
    faint[1] = Picture(**{**{f: getattr(faint[1], f) for f in Picture.__dataclass_fields__}, "strength": 0.3})
    store = write_pictures(tmp_path, [picture(0, 0), picture(2, 1), *faint])
    assert WindowSampler(store, VIEW, own=0.5, batch=8, seed=0).draw(0).label.tolist() == [0, 1] * 4
    assert not len(WindowSampler(store, VIEW, own=0.5, batch=8, seed=0).forged)


def test_a_store_without_fakes_teaches_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks real or forged"):
        WindowSampler(write_pictures(tmp_path, [picture(0, 0)]), VIEW, own=0.5, batch=4, seed=0)
