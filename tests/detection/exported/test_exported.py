"""ONNX Runtime gives torch's votes, or is refused."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection import bundle as bundles
from detection.auxiliary import load_auxiliary_model
from detection.auxiliary_files import COMPRESSION, may_ask_for_person, shipped_auxiliary_models
from detection.decoding import decode
from detection.ensemble import Ensemble, stack_input
from detection.exported import files, write
from detection.exported.auxiliary import ExportedAuxiliary
from detection.exported.files import EngineRefused
from detection.exported.runtime import TOLERANCE, Runtime
from detection.exported.voters import ExportedVoters
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face
from detection.forensics.compression_cells import CELLS, VALUES, cells_of_file
from detection.precision import FORCE_FLOAT32
from detection.views import FaceFrameMissing
from tests.factories.auxiliary_models import written
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytest.importorskip("onnxruntime")
KEY = "a" * 64
FRAME = FaceFrame((60, 70), (100, 78), 200, 180)


def noise(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 10, 3), np.uint8)
    return Image.fromarray(pixels).resize((200, 180), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle, of which two members see the face, and its export."""
    root = tmp_path_factory.mktemp("exported")
    tiny_bundle(root / "tiny", frame="face")
    (root / "export").mkdir()
    write.export_bundle(root / "tiny", KEY, root / "export")
    return root / "tiny", root / "export"


@pytest.fixture
def changed(folders: tuple[Path, Path], tmp_path: Path) -> Any:
    """changed(field=...) is a copy of the export whose manifest says something else."""

    def change(**fields: object) -> Path:
        folder = shutil.copytree(folders[1], tmp_path / "changed")
        manifest = json.loads((folder / files.MANIFEST).read_text())
        (folder / files.MANIFEST).write_text(json.dumps(manifest | fields))
        return folder

    return change


@pytest.mark.parametrize("count", [1, 7, 16])
def test_votes_are_torchs_in_float32(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    bundle, export = folders
    images = [noise(seed) for seed in range(count)]
    voters = ExportedVoters(bundles.read(bundle), Runtime(*files.read(export, KEY)), shift=0.5, threads=2)
    torch_voters = Ensemble.load(bundle, device="cpu", threads=1, shift=0.5)
    found, expected = (each.score(images, [FRAME] * count) for each in (voters, torch_voters))
    assert [[vote.member for vote in votes] for votes in found] == [list(voters.member_names)] * count
    for votes, wanted in zip(found, expected, strict=True):
        assert [v.probability for v in votes] == pytest.approx([v.probability for v in wanted], abs=0.001)
        assert [v.threshold for v in votes] == [v.threshold for v in wanted]
    assert voters.digest == torch_voters.digest


def test_a_stack_that_reads_the_compression_votes_as_with_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a JPEG, of a picture without a grid, and of both in one batch."""
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    tiny_bundle(tmp_path / "tiny", compression=True)
    (tmp_path / "export").mkdir()
    write.export_bundle(tmp_path / "tiny", KEY, tmp_path / "export")
    data = portrait_bytes(0)
    picture = decode(data)
    face = largest_face(picture)
    assert face
    frame = FaceFrame.of(face, picture.size)
    cells = cells_of_file(data, picture, frame)
    assert cells is not None
    runtime = Runtime(*files.read(tmp_path / "export", KEY))
    voters = ExportedVoters(bundles.read(tmp_path / "tiny"), runtime, threads=1)
    torch_voters = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    for given in ([cells], [None], [None, cells, cells]):
        count = len(given)
        found, wanted = (
            [
                vote.probability
                for votes in each.score([picture] * count, [frame] * count, given)
                for vote in votes
            ]
            for each in (voters, torch_voters)
        )
        assert found == pytest.approx(wanted, abs=0.001)
    assert (
        len(
            {
                round(votes[-1].probability, 4)
                for votes in voters.score([picture] * 2, [frame] * 2, [cells, None])
            }
        )
        == 2
    )


def test_another_network_for_the_stack_is_refused_even_where_the_stack_takes_nothing_from_it(
    tmp_path: Path,
) -> None:
    """Two that find no traces in any of the inputs of the check, and differ."""
    exports = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        tiny_bundle(folder / "tiny", seed=seed, compression=True, traces=-9.0)
        network = stack_input(bundles.read(folder / "tiny"))
        assert network
        assert not network(torch.from_numpy(files.test_inputs((CELLS, VALUES)))).any()
        if seed:  # the same members and stack
            for name in ("member-0", "member-1", "member-2", "member-3", "stack"):
                shutil.copyfile(
                    tmp_path / "0" / "tiny" / f"{name}.safetensors", folder / "tiny" / f"{name}.safetensors"
                )
        (folder / "export").mkdir()
        again = bundles.read(tmp_path / "0" / "tiny")
        bundles.write(
            folder / "tiny",
            version="tiny",
            created_at="2026-01-01T00:00:00Z",
            members=list(again.members),
            stack=again.stack,
            provenance={},
            metrics={},
            stack_input=again.stack_input,
        )
        write.export_bundle(folder / "tiny", KEY, folder / "export")
        exports.append(files.read(folder / "export", KEY))
    Runtime(*exports[0])
    with pytest.raises(EngineRefused, match="differs from torch"):
        Runtime(exports[0][0], exports[1][1])


def test_a_face_is_needed_where_members_look_at_one(folders: tuple[Path, Path]) -> None:
    voters = ExportedVoters(bundles.read(folders[0]), Runtime(*files.read(folders[1], KEY)))
    with pytest.raises(FaceFrameMissing):
        voters.score([noise(0)], [None])
    assert voters.score([]) == []


def test_a_session_does_not_keep_the_bytes_of_its_file(folders: tuple[Path, Path]) -> None:
    """They would be as large as the networks' weights once more."""
    export, network = files.read(folders[1], KEY)
    before = sys.getrefcount(network)
    runtime = Runtime(export, network)
    assert sys.getrefcount(network) == before
    del runtime


def test_another_network_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """As by an engine that computes something else: the results that torch gave are of the first bundle."""
    tiny_bundle(tmp_path / "other", seed=1, frame="face")
    (tmp_path / "export").mkdir()
    write.export_bundle(tmp_path / "other", KEY, tmp_path / "export")
    export, _ = files.read(folders[1], KEY)
    _, network = files.read(tmp_path / "export", KEY)
    with pytest.raises(EngineRefused, match="differs from torch"):
        Runtime(export, network)


@pytest.mark.parametrize(("voter", "place"), [(0, 0), (4, 0), (4, 6), (2, 15)])
def test_one_vote_that_differs_is_enough(
    changed: Any, folders: tuple[Path, Path], voter: int, place: int
) -> None:
    expected = files.read(folders[1], KEY)[0].expected
    expected[place][voter] += 1.5 * TOLERANCE + 2e-5 * abs(expected[place][voter])
    with pytest.raises(EngineRefused, match="differs from torch"):
        Runtime(*files.read(changed(expected=expected), KEY))


def test_results_that_are_no_numbers_are_refused(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    export, network = files.read(folders[1], KEY)
    monkeypatch.setattr(Runtime, "_outputs", lambda *_: [np.full((files.TEST_INPUTS, 5), np.nan)])
    with pytest.raises(EngineRefused, match="differs from torch"):
        Runtime(export, network)


def test_what_is_no_network_is_refused(folders: tuple[Path, Path]) -> None:
    export, _ = files.read(folders[1], KEY)
    with pytest.raises(EngineRefused, match="cannot run the network"):
        Runtime(export, b"no network")


def test_an_export_that_is_damaged_or_another_one_is_refused(
    changed: Any, folders: tuple[Path, Path]
) -> None:
    folder = changed()
    with pytest.raises(EngineRefused, match="another export"):
        files.read(folder, "b" * 64)
    network = folder / files.NETWORK
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(EngineRefused, match="damaged"):
        files.read(folder, KEY)
    network.unlink()
    with pytest.raises(EngineRefused, match="not an export"):
        files.read(folder, KEY)


def test_the_inputs_of_the_check_never_change() -> None:
    """Results that torch gave in one release are compared in processes of any machine."""
    pictures = files.test_inputs((48, 48, 3))
    assert pictures.shape == (files.TEST_INPUTS, 48, 48, 3)
    assert pictures[0, 1, 2].tolist() == [240, 238, 236]
    assert len({picture.tobytes() for picture in pictures}) == files.TEST_INPUTS


def test_the_key_follows_the_model_and_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    key = files.export_key("1")
    assert key == files.export_key("1") != files.export_key("2")
    monkeypatch.setattr(files, "CODE", files.CODE[1:])
    assert files.export_key("1") != key


ASKING = [path for path in shipped_auxiliary_models() if may_ask_for_person(path)]


@pytest.mark.parametrize("source", ASKING, ids=[path.name for path in ASKING])
def test_a_shipped_auxiliary_model_scores_as_in_torch(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    model = load_auxiliary_model(source)
    write.export_auxiliary(source, KEY, tmp_path)
    export, network = files.read(tmp_path, KEY)
    exported = ExportedAuxiliary(export, Runtime(export, network))
    assert (exported.name, exported.review_above) == (model.name, model.review_above)
    for number in range(3):
        data = portrait_bytes(number)
        picture = decode(data)
        face = largest_face(picture)
        assert face is not None
        frame = FaceFrame.of(face, picture.size)
        cells = cells_of_file(data, picture, frame)
        found = exported.score(picture, frame, cells)
        assert found is not None
        assert found == pytest.approx(model.score(picture, frame, cells), abs=0.001)
    if model.view == COMPRESSION:
        assert exported.score(picture, frame) is None  # a picture that is no JPEG
    with pytest.raises(FaceFrameMissing):
        exported.score(picture, None, cells)


def test_an_auxiliary_model_of_the_whole_picture_is_not_exported(tmp_path: Path) -> None:
    written(tmp_path / "u", review_above=0.5)
    with pytest.raises(ValueError, match="does not look at the face"):
        write.export_auxiliary(tmp_path / "u", KEY, tmp_path)
