"""A stack that reads how the face's part of a JPEG is compressed, next to the members."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from detection import bundle as bundles
from detection.bundle import BundleRefused
from detection.decoding import decode
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face
from detection.forensics.compression_cells import CELLS, VALUES, cells_of_file
from detection.networks.compression_cells import CompressionCells, CompressionLogits
from detection.precision import FORCE_FLOAT32
from detection.views import FaceFrameMissing
from tests.factories.bundles import CELLS_ARGUMENTS, tiny_bundle

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("sample-*.jpg"))[:3]
Seen = tuple[Image.Image, FaceFrame, np.ndarray | None]


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    """Shipped samples, each with its face and the cells of its file."""
    found: list[Seen] = []
    for path in SAMPLES:
        data = path.read_bytes()
        image = decode(data)
        face = largest_face(image)
        assert face
        frame = FaceFrame.of(face, image.size)
        found.append((image, frame, cells_of_file(data, image, frame)))
    return found


@pytest.fixture
def ensemble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ensemble:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    tiny_bundle(tmp_path, compression=True)
    return Ensemble.load(tmp_path, device="cpu", threads=1)


def stack_votes(ensemble: Ensemble, seen: list[Seen]) -> list[float]:
    images, frames, cells = zip(*seen, strict=True)
    return [votes[-1].probability for votes in ensemble.score(images, frames, cells)]


def by_hand(ensemble: Ensemble, image: Image.Image, frame: FaceFrame, cells: np.ndarray | None) -> float:
    """The stack's vote by numpy, from the members' logits and the network's as its own class computes them."""
    folder = ensemble.bundle.path
    members = torch.cat(ensemble.logits([image], [frame]), 1).numpy()[0]
    pair = np.zeros(2)
    if cells is not None:
        network = CompressionCells(**CELLS_ARGUMENTS)
        network.load_state_dict(load_file(folder / "compression.safetensors"))
        logits = network.eval()(torch.from_numpy(cells)[None]).detach().numpy()[0]
        half = max(0.0, logits[1] - logits[0]) / 2  # no traces of an edit say nothing
        pair = np.array([-half, half])
    weights = load_file(folder / "stack.safetensors")
    read = np.maximum(np.concatenate([members, pair]), 0)
    real, fake = weights["linear.weight"].numpy() @ read + weights["linear.bias"].numpy()
    return float(1 / (1 + np.exp(real - fake)))


def test_inputs_without_cells_get_no_probabilities(ensemble: Ensemble) -> None:
    inputs = {
        member.view: torch.zeros(1, 3, member.view.side, member.view.side)
        for member in ensemble.bundle.members
    }
    with pytest.raises(ValueError, match="reads how files are compressed"):
        ensemble.probabilities_of_inputs(inputs)
    assert ensemble.probabilities_of_inputs(inputs, torch.zeros(1, CELLS, VALUES)).shape == (1, 5)


def test_the_stack_reads_the_compression_next_to_the_members(ensemble: Ensemble, seen: list[Seen]) -> None:
    assert all(cells is not None for *_, cells in seen)
    assert stack_votes(ensemble, seen) == pytest.approx([by_hand(ensemble, *each) for each in seen], abs=1e-5)


def test_a_file_that_cannot_be_read_speaks_for_neither_side(ensemble: Ensemble, seen: list[Seen]) -> None:
    unread: list[Seen] = [(image, frame, None) for image, frame, _ in seen]
    votes = stack_votes(ensemble, unread)
    assert votes == pytest.approx([by_hand(ensemble, *each) for each in unread], abs=1e-5)
    assert votes != pytest.approx(stack_votes(ensemble, seen), abs=1e-4)
    mixed = stack_votes(ensemble, [seen[0], unread[1], seen[2]])  # in one batch as alone
    assert mixed == pytest.approx(
        [stack_votes(ensemble, seen)[0], votes[1], stack_votes(ensemble, seen)[2]], abs=1e-5
    )


def test_a_file_without_traces_of_an_edit_speaks_for_neither_side(seen: list[Seen]) -> None:
    """An edit may leave none, so that their absence must clear nothing."""
    network = CompressionCells(**CELLS_ARGUMENTS).eval()
    cells = torch.stack([torch.from_numpy(each) for *_, each in seen if each is not None])
    for towards_fake in (3.0, -3.0):
        torch.nn.init.constant_(list(network.judge.parameters())[-1][1:], towards_fake)
        with torch.inference_mode():
            found = CompressionLogits(network)(cells)
            half = (network(cells)[:, 1] - network(cells)[:, 0]) / 2
        expected = torch.stack([-half, half], 1) if towards_fake > 0 else torch.zeros(len(cells), 2)
        assert torch.allclose(found, expected, atol=1e-5)


def test_the_members_votes_do_not_depend_on_it(ensemble: Ensemble, seen: list[Seen]) -> None:
    image, frame, cells = seen[0]
    with_cells, without = ensemble.score([image] * 2, [frame] * 2, [cells, None])
    assert [vote.probability for vote in with_cells[:4]] == [vote.probability for vote in without[:4]]


def test_a_caller_that_forgets_the_cells_or_the_face_is_told(ensemble: Ensemble, seen: list[Seen]) -> None:
    image, frame, cells = seen[0]
    with pytest.raises(ValueError, match="give cells or None"):
        ensemble.score([image], [frame])
    with pytest.raises(ValueError, match="2 cells for 1 images"):
        ensemble.score([image], [frame], [cells, cells])
    with pytest.raises(FaceFrameMissing):
        ensemble.score([image], [None], [cells])
    assert ensemble.score([]) == []


def test_a_bundle_says_what_its_stack_reads(tmp_path: Path) -> None:
    written = tiny_bundle(tmp_path, compression=True)
    assert bundles.read(tmp_path) == written
    assert written.sees_faces
    assert len(written.parts) == 5
    assert {part.file for part in written.networks} == {path.name for path in tmp_path.glob("*.safetensors")}
    assert tiny_bundle(tmp_path / "plain").stack_input is None


def damaged(path: Path) -> None:
    raw = bytearray((path / "compression.safetensors").read_bytes())
    raw[-1] ^= 1
    (path / "compression.safetensors").write_bytes(raw)


def edited(edit: Callable[[dict], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        manifest = json.loads((path / "manifest.json").read_text())
        edit(manifest)
        (path / "manifest.json").write_text(json.dumps(manifest))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damaged, r"compression\.safetensors: SHA-256"),
        (lambda path: (path / "compression.safetensors").unlink(), "cannot be read"),
        (edited(lambda m: m.pop("stack_input")), "unknown architecture 'stacking_linear_with_input'"),
        (edited(lambda m: m["stack"].update(architecture="stacking_linear")), "unknown architecture"),
        (edited(lambda m: m["stack_input"].update(architecture="unet")), "of the stack's input"),
        (edited(lambda m: m["stack_input"].update(file="../x.safetensors")), "not a plain"),
        (edited(lambda m: m["stack_input"].update(file="stack.safetensors")), "a file of its own"),
        (edited(lambda m: m["stack_input"].update(name="member-0")), "must be called 'compression'"),
        (edited(lambda m: m["stack_input"].update(cells=2)), "cells of version 2"),
        (edited(lambda m: m["stack_input"].update(arguments={"values": 3})), "does not fit"),
        (edited(lambda m: m["stack_input"].update(arguments={"depth": 3})), "refuses its arguments"),
    ],
)
def test_an_input_that_cannot_be_right_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    tiny_bundle(tmp_path, compression=True)
    spoil(tmp_path)
    with pytest.raises(BundleRefused, match=message):
        Ensemble.load(tmp_path, device="cpu", threads=1)


def test_a_network_for_other_cells_than_this_release_makes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle(tmp_path, compression=True)
    monkeypatch.setattr("detection.ensemble.VALUES", VALUES + 1)
    with pytest.raises(BundleRefused, match=f"reads {VALUES} values"):
        Ensemble.load(tmp_path, device="cpu", threads=1)


def test_no_cells_of_a_picture_are_zeros(seen: list[Seen]) -> None:
    """Zeros stand for a file that cannot be read; a share below one has no logarithm of zero."""
    for *_, cells in seen:
        assert cells is not None
        assert cells.shape == (CELLS, VALUES)
        assert (cells[:, :-1] < 0).all()
