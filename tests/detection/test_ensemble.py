from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

from detection.bundle import View
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame, aligned_crop
from detection.preprocess import batch, batches
from detection.views import FaceFrameMissing, crop, places
from detection.voters import LANE_IMAGES_MAX
from tests.factories.bundles import ARGUMENTS, tiny_bundle


def noise(width: int, height: int, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


IMAGES = [noise(60, 80, 1), noise(200, 100, 2), noise(33, 33, 3), noise(128, 128, 4)]


@pytest.fixture
def ensemble(tmp_path: Path) -> Ensemble:
    tiny_bundle(tmp_path)
    return Ensemble.load(tmp_path, device="cpu", threads=1)


def test_five_votes_for_each_image_in_the_members_order(ensemble: Ensemble) -> None:
    scored = ensemble.score(IMAGES)
    assert len(scored) == len(IMAGES)
    for votes in scored:
        assert tuple(vote.member for vote in votes) == ensemble.member_names
    assert ensemble.member_names == ("member-0", "member-1", "member-2", "member-3", "stack")


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_large_batch_goes_through_the_networks_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    """So that the memory of activations does not grow with it. The votes stay in the order of the images."""
    tiny_bundle(tmp_path)
    ensemble = Ensemble.load(tmp_path, device="cpu", threads=lanes)
    images = [noise(40, 40, seed) for seed in range(18)]
    alone = [ensemble.score([image])[0][0].probability for image in images]
    sizes: list[int] = []
    whole = ensemble._probabilities

    def counted(part: list[Image.Image], *more: Any) -> list[list[float]]:
        sizes.append(len(part))
        return whole(part, *more)

    monkeypatch.setattr(ensemble, "_probabilities", counted)
    together = [votes[0].probability for votes in ensemble.score(images)]
    assert together == pytest.approx(alone, abs=0.01)
    assert max(sizes) <= LANE_IMAGES_MAX
    assert sum(sizes) == len(images)


def test_no_images_no_votes(ensemble: Ensemble) -> None:
    assert ensemble.score([]) == []


def test_the_votes_equal_an_independent_computation(ensemble: Ensemble) -> None:
    """In float64, with no shared code: PIL crop, numpy standardisation, timm's network, softmax and stack by hand."""
    image = IMAGES[1]
    logits = []
    for member in ensemble.bundle.members:
        side, extent = member.view.side, member.view.extent
        edge = 100 * extent
        box = (100 - edge / 2, 50 - edge / 2, 100 + edge / 2, 50 + edge / 2)
        small = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box), np.float64)
        x = torch.from_numpy((small - small.mean()) / small.std(ddof=1)).permute(2, 0, 1)[None]
        network = timm.create_model("convnext_atto", num_classes=2, **ARGUMENTS)
        network.load_state_dict(load_file(ensemble.bundle.path / member.file))
        logits.append(network.double().eval()(x).detach())
    weights = load_file(ensemble.bundle.path / "stack.safetensors")
    joined = torch.cat(logits, 1).clamp(min=0)
    logits.append(joined @ weights["linear.weight"].double().T + weights["linear.bias"].double())
    expected = [float(1 / (1 + (row[0, 0] - row[0, 1]).exp())) for row in logits]
    found = [vote.probability for vote in ensemble.score([image])[0]]
    assert found == pytest.approx(expected, abs=0.03)  # members run in bfloat16


def test_an_images_votes_do_not_depend_on_its_batch(ensemble: Ensemble) -> None:
    together = ensemble.score(IMAGES)
    for image, votes in zip(IMAGES, together, strict=True):
        alone = ensemble.score([image])[0]
        assert [v.probability for v in votes] == pytest.approx([v.probability for v in alone], abs=0.02)


def test_a_broken_weight_does_not_vote(tmp_path: Path, ensemble: Ensemble) -> None:
    with torch.no_grad():
        next(ensemble._members[0].parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="not a number"):
        ensemble.score(IMAGES)


def test_a_flat_image_gives_numbers(ensemble: Ensemble) -> None:
    assert len(ensemble.score([Image.new("RGB", (50, 50), "grey")])[0]) == 5


def test_a_view_is_the_centre_square(ensemble: Ensemble) -> None:
    image = Image.new("RGB", (300, 100), "black")
    image.paste("white", (100, 0, 200, 100))
    assert crop(image, View(side=20))[:, 1:-1].min() == 255  # the filter reaches over the edge
    assert batch([image, image], View(side=20)).shape == (2, 3, 20, 20)


def test_a_view_cut_from_a_wider_one_is_what_it_would_see_by_itself() -> None:
    wide, narrow, other = View(176, 0.88), View(128, 0.64), View(64, 1.0)
    pictures = [noise(600, 600, 1), noise(777, 333, 2), noise(1000, 997, 3)]
    together = batches(pictures, [narrow, wide, other])
    assert list(together) == [wide, narrow, other]
    for view in (wide, other):
        assert torch.equal(together[view], batch(pictures, view))
    # A pixel between two levels may be rounded the other way.
    assert (together[narrow] - batch(pictures, narrow)).abs().max() < 0.2
    assert torch.equal(together[narrow][0], batch(pictures, narrow)[0])


def test_standardised_samples_have_mean_0_and_deviation_1() -> None:
    x = batch(IMAGES, View(side=24))
    assert torch.allclose(x.mean((1, 2, 3)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(x.std((1, 2, 3)), torch.ones(4), atol=1e-5)


FACE = FaceFrame((60, 70), (100, 78), 200, 180)


def test_a_view_of_the_face_is_the_aligned_crop_and_votes_follow_the_face(tmp_path: Path) -> None:
    tiny_bundle(tmp_path, frame="face")
    ensemble = Ensemble.load(tmp_path, device="cpu", threads=1)
    assert ensemble.bundle.sees_faces
    image = noise(200, 180, 5)
    assert (crop(image, View(48, 0.8, frame="face"), FACE) == aligned_crop(image, FACE, 48, extent=0.8)).all()
    elsewhere = FaceFrame((110, 70), (150, 60), 200, 180)
    first, second = ensemble.score([image, image], [FACE, elsewhere])
    assert [vote.probability for vote in first[:2]] == [vote.probability for vote in second[:2]]
    assert first[2].probability != second[2].probability
    assert first[3].probability != second[3].probability


def test_a_bundle_of_faces_names_the_images_without_a_frame_and_gives_no_vote(tmp_path: Path) -> None:
    tiny_bundle(tmp_path, frame="face")
    ensemble = Ensemble.load(tmp_path, device="cpu", threads=1)
    image = noise(200, 180, 5)
    with pytest.raises(FaceFrameMissing, match="positions 1, 2") as refused:
        ensemble.score([image] * 4, [FACE, None, None, FACE])
    assert refused.value.positions == (1, 2)
    with pytest.raises(FaceFrameMissing):
        ensemble.score([image])
    with pytest.raises(ValueError, match="2 face frames for 1 images"):
        ensemble.score([image], [FACE, FACE])


def test_a_bundle_of_centres_needs_no_frames_and_ignores_them(ensemble: Ensemble) -> None:
    assert not ensemble.bundle.sees_faces
    image = noise(200, 180, 5)
    with_frame, without = ensemble.score([image], [FACE]), ensemble.score([image])
    assert [v.probability for v in with_frame[0]] == [v.probability for v in without[0]]


@pytest.mark.parametrize("view", [View(40, 0.9), View(40, 0.9, frame="face")])
def test_places_say_where_a_views_pixels_lie(view: View) -> None:
    """A picture whose red grows with x and whose green grows with y tells where each pixel came from."""
    y, x = np.mgrid[0:180, 0:200]
    pixels = np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)
    seen = crop(Image.fromarray(pixels), view, FACE)[5:-5, 5:-5, :2].astype(float) + 0.5
    expected = places((200, 180), view, FACE)[5:-5, 5:-5]
    inside = ((expected > 8) & (expected < np.array([192, 172]))).all(-1)
    assert inside.mean() > 0.7
    assert np.abs(seen - expected)[inside].max() < 2  # a pixel of the view is 3 to 4 of the picture
