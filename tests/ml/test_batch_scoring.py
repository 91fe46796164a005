"""Reading ahead changes nothing but the time that it takes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.faces.default import largest_face
from ml import batch_scoring
from ml.batch_scoring import score_pictures
from tests.factories.bundles import small_bundle, tiny_bundle


@pytest.fixture
def ensembles(tmp_path: Path) -> dict[str, Ensemble]:
    made = {}
    for seed, name in enumerate(("champion", "candidate")):
        torch.manual_seed(seed)
        made[name] = Ensemble.load(small_bundle(tmp_path / name), device="cpu")
    return made


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng, made = np.random.default_rng(0), []
    for number in range(7):
        made.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(made[-1])
    return made


def test_every_file_has_the_votes_of_its_own_row_from_both(
    ensembles: dict[str, Ensemble], paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_scoring, "BATCH", 3)
    found = score_pictures(ensembles, paths)
    for name, ensemble in ensembles.items():
        for row, path in enumerate(paths):
            with Image.open(path) as image:
                (votes,) = ensemble.score([image.convert("RGB")])
            expected = [vote.probability for vote in votes]
            np.testing.assert_allclose(found[name].probability[row], expected, atol=0.02)
        assert found[name].per_image_ms > 0


def test_what_cannot_be_read_has_no_votes_and_moves_nobody_elses(
    ensembles: dict[str, Ensemble], paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_scoring, "BATCH", 3)
    whole = score_pictures(ensembles, paths)["champion"].probability
    paths[1].unlink()
    paths[4].write_text("no picture")
    found = score_pictures(ensembles, paths)["champion"].probability
    assert np.isnan(found[[1, 4]]).all()
    kept = [0, 2, 3, 5, 6]
    np.testing.assert_allclose(found[kept], whole[kept], atol=0.02)


def test_nothing_to_score_is_no_error(ensembles: dict[str, Ensemble]) -> None:
    assert score_pictures(ensembles, [])["champion"].probability.shape == (0, 5)


def test_a_bundle_of_faces_scores_faces_and_says_which_pictures_have_none(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_scoring, "BATCH", 2)
    tiny_bundle(tmp_path / "faces", frame="face")
    tiny_bundle(tmp_path / "centres")
    ensembles = {name: Ensemble.load(tmp_path / name, device="cpu") for name in ("faces", "centres")}
    samples = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))[:2]
    found = score_pictures(ensembles, [samples[0], paths[0], samples[1]])
    assert found["faces"].faceless.tolist() == [False, True, False]
    assert np.isnan(found["faces"].probability).all(1).tolist() == [False, True, False]
    assert not found["centres"].faceless.any()
    assert not np.isnan(found["centres"].probability).any()
    for row, path in ((0, samples[0]), (2, samples[1])):
        with Image.open(path) as image:
            picture = image.convert("RGB")
        face = largest_face(picture)
        assert face is not None
        (votes,) = ensembles["faces"].score([picture], [FaceFrame.of(face, picture.size)])
        np.testing.assert_allclose(
            found["faces"].probability[row], [vote.probability for vote in votes], atol=0.02
        )
