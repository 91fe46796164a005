"""Readers of sets that are rarely at hand, on small trees in their layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.sources import Photo, SourceMissing, casia, celeba, comofod, folders, ifs_tc, micc
from ml.sources.masks import mask_of


def put(path: Path, colour: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 6), colour).save(path)
    return path


def known_mask(photo: Photo, size: tuple[int, int]) -> np.ndarray:
    mask = mask_of(photo, size)
    assert mask is not None
    return mask


def facts(rows: list[Photo]) -> list[tuple]:
    return [(r.label, r.identity, r.related, r.regions) for r in rows]


def test_casia_1_tells_what_a_forgery_was_made_from(tmp_path: Path) -> None:
    put(tmp_path / "Au/Au_ani_0001.jpg")
    put(tmp_path / "Sp/Sp_D_CND_A_pla0005_ani0001_0281.jpg")
    put(tmp_path / "Sp/Sp_S_NRN_R_art0056_art0056_0086.jpg")
    mask = put(tmp_path / "groundtruth/Sp_S_NRN_R_art0056_art0056_0086_gt.png")
    rows = casia.read(tmp_path)
    assert facts(rows) == [
        ("real", "ani0001", (), ()),
        ("fake", "pla0005", ("ani0001",), ("splice",)),
        ("fake", "art0056", (), ("copy_move",)),
    ]
    assert [r.mask for r in rows] == [None, None, mask]


def test_casia_2_leaves_its_uncompressed_files_out_unless_asked(tmp_path: Path) -> None:
    put(tmp_path / "Au/Au_ani_00001.jpg")
    put(tmp_path / "Au/Au_ani_30002.bmp")
    put(tmp_path / "Tp/Tp_D_CND_M_N_ani00018_sec00096_00138.tif")
    put(tmp_path / "Tp/Tp_S_NNN_S_N_ind00079_ind00079_10664.jpg")
    mask = put(tmp_path / "CASIA 2 Groundtruth/Tp_D_CND_M_N_ani00018_sec00096_00138_gt.png")
    assert [r.path.suffix for r in casia.read(tmp_path)] == [".jpg", ".jpg"]
    every = casia.read(tmp_path, jpeg_only=False)
    assert [r.identity for r in every] == ["ani00001", "ani30002", "ani00018", "ind00079"]
    assert every[2].mask == mask


def test_casia_refuses_names_and_classes_that_it_does_not_know(tmp_path: Path) -> None:
    put(tmp_path / "Au/Au_ani_0001.jpg")
    with pytest.raises(SourceMissing, match=r"Sp is not a folder: expected Sp_\.\.\. \(v1\) or Tp_"):
        casia.read(tmp_path)
    put(tmp_path / "Tp/Tp_D_CND_M_N_ani00018_sec00096_00138.tif")
    with pytest.raises(SourceMissing, match="Tp holds no JPEG"):
        casia.read(tmp_path)
    put(tmp_path / "Tp/holiday.jpg")
    with pytest.raises(SourceMissing, match=r"holiday\.jpg is no forged file of CASIA"):
        casia.read(tmp_path)


def test_comofod_keeps_a_scene_together(tmp_path: Path) -> None:
    for name in ("001_O.png", "001_F.png", "001_M.png", "001_O_JC1.jpg", "001_F_BC3.png", "002_F.png"):
        put(tmp_path / name)
    mask = put(tmp_path / "001_B.png")
    rows = comofod.read(tmp_path)
    assert [(r.path.name, r.label, r.identity) for r in rows] == [
        ("001_F.png", "fake", "001"),
        ("001_F_BC3.png", "fake", "001"),
        ("001_O.png", "real", "001"),
        ("001_O_JC1.jpg", "real", "001"),
        ("002_F.png", "fake", "002"),
    ]
    assert rows[1].mask == mask
    assert rows[4].mask is None


def test_comofod_refuses_other_names_and_an_empty_class(tmp_path: Path) -> None:
    put(tmp_path / "001_F.png")
    with pytest.raises(SourceMissing, match="holds no <scene>_O file"):
        comofod.read(tmp_path)
    put(tmp_path / "holiday.png")
    with pytest.raises(SourceMissing, match=r"holiday\.png is no file of CoMoFoD"):
        comofod.read(tmp_path)


def test_micc_reads_labels_from_its_text_file(tmp_path: Path) -> None:
    put(tmp_path / "CRW_4853tamp131.jpg")
    put(tmp_path / "CRW_4853_scale.jpg")
    (tmp_path / "groundtruthDB_220.txt").write_text("CRW_4853tamp131.jpg 1\nCRW_4853_scale.jpg 0\n\n")
    assert facts(micc.read(tmp_path)) == [
        ("fake", "CRW_4853", (), ("copy_move",)),
        ("real", "CRW_4853", (), ()),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a.jpg 1\n", "names no real picture"),
        ("a.jpg yes\n", "line 1: 'a.jpg yes'; expected <file name> <0 or 1>"),
        ("../a.jpg 1\n", "expected <file name>"),
        ("b.jpg 1\n", "b.jpg is missing"),
    ],
)
def test_micc_refuses_a_text_file_that_does_not_fit(tmp_path: Path, text: str, complaint: str) -> None:
    put(tmp_path / "a.jpg")
    with pytest.raises(SourceMissing, match="holds 0 files groundtruthDB"):
        micc.read(tmp_path)
    (tmp_path / "groundtruthDB_2000.txt").write_text(text)
    with pytest.raises(SourceMissing, match=complaint):
        micc.read(tmp_path)


def test_ifs_tc_masks_are_black_where_forged(tmp_path: Path) -> None:
    inner = tmp_path / "dataset-dist/phase-01/training"
    put(inner / "pristine/aa.png")
    put(inner / "fake/bb.png")
    mask = np.full((6, 8), 255, dtype=np.uint8)
    mask[2:4, 1:3] = 0
    Image.fromarray(mask).save(inner / "fake/bb.mask.png")
    real, fake = ifs_tc.read(tmp_path)
    assert (real.label, fake.label) == ("real", "fake")
    forged = known_mask(fake, (8, 6))
    assert forged.sum() == 4
    assert forged[2:4, 1:3].all()
    assert not known_mask(real, (8, 6)).any()


def test_ifs_tc_refuses_a_forgery_without_mask(tmp_path: Path) -> None:
    put(tmp_path / "pristine/aa.png")
    put(tmp_path / "fake/bb.png")
    with pytest.raises(SourceMissing, match=r"bb\.png has no mask: expected bb\.mask\.png"):
        ifs_tc.read(tmp_path)


def test_masks_of_the_other_sets_are_white_where_forged(tmp_path: Path) -> None:
    put(tmp_path / "Au/Au_ani_0001.jpg")
    put(tmp_path / "Sp/Sp_S_NRN_R_art0056_art0056_0086.jpg")
    put(tmp_path / "groundtruth/Sp_S_NRN_R_art0056_art0056_0086_gt.png", 255)
    assert known_mask(casia.read(tmp_path)[1], (16, 12)).all()


def celeba_tree(root: Path) -> None:
    for number in (1, 2, 3):
        put(root / f"img_align_celeba/00000{number}.jpg")
    (root / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 2937\n000003.jpg 2880\n")


def test_celeba_knows_persons_and_partitions(tmp_path: Path) -> None:
    celeba_tree(tmp_path)
    assert [r.identity for r in celeba.read(tmp_path)] == ["2880", "2937", "2880"]
    (tmp_path / "list_eval_partition.csv").write_text(
        "image_id,partition\n000001.jpg,0\n000002.jpg,2\n000003.jpg,0\n"
    )
    assert [r.path.name for r in celeba.read(tmp_path, partition="test")] == ["000002.jpg"]
    with pytest.raises(SourceMissing, match="holds no picture of the partition validation"):
        celeba.read(tmp_path, partition="validation")


def test_celeba_says_which_file_is_missing(tmp_path: Path) -> None:
    celeba_tree(tmp_path)
    put(tmp_path / "img_align_celeba/000004.jpg")
    with pytest.raises(SourceMissing, match=r"000004\.jpg is not in the identity file"):
        celeba.read(tmp_path)
    (tmp_path / "identity_CelebA.txt").unlink()
    with pytest.raises(SourceMissing, match=r"identity_CelebA\.txt is missing \(or \.csv\)"):
        celeba.read(tmp_path)


def test_real_and_fake_folders_are_found_in_either_case(tmp_path: Path) -> None:
    put(tmp_path / "Real/a.jpg")
    put(tmp_path / "Fake/a.jpg")
    assert [(r.label, r.key) for r in folders.read_labelled(tmp_path, source="faces")] == [
        ("real", "faces/real/a.jpg"),
        ("fake", "faces/fake/a.jpg"),
    ]
    with pytest.raises(SourceMissing, match="real is not a folder: expected real face photographs"):
        folders.read_labelled(tmp_path / "Real", source="faces")
