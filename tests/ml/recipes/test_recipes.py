"""Every recipe, whole, on the tiny data set that it writes itself."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ml.cli import main
from ml.recipes.catalogue import RECIPES, find
from ml.recipes.run import run


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_smoke_run_reports_the_documents_figure_beside_the_honest_one(name: str, tmp_path: Path) -> None:
    results = run(RECIPES[name], data=None, out=tmp_path / "out", smoke=True, quiet=True)
    written = json.loads((tmp_path / "out/results.json").read_text())
    assert written["recipe"] == name
    assert "reported" in results.documented
    assert any("low" in figure for figure in results.honest.values() if isinstance(figure, dict))
    assert results.why.endswith(".")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["recipe"], config["seed"], config["smoke"]) == (name, 0, True)


def test_list_shows_source_layout_and_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for recipe in RECIPES.values():
        assert recipe.source in shown
        assert recipe.layout in shown


def test_the_terminal_says_that_a_run_is_a_smoke_run_and_counts_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "E", "--smoke", "--quiet", "--out", str(tmp_path), "--scale", "steps=3"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("smoke run: shows that the program runs")
    assert "documented                 3 steps in" in shown
    assert "Steps of the optimiser in the document: 1,740 of 8." in (tmp_path / "report.html").read_text()


def test_another_seed_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run(RECIPES["E"], data=None, out=tmp_path, smoke=True, quiet=True)
    with pytest.raises(ValueError, match="run with another seed: choose another --out"):
        run(RECIPES["E"], data=None, out=tmp_path, smoke=True, quiet=True, seed=1)


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    first, second = (
        run(RECIPES["E"], data=None, out=tmp_path / part, smoke=True, quiet=True) for part in ("a", "b")
    )
    assert first.scores == second.scores
    assert first.history == second.history


def test_names_are_found_in_either_case() -> None:
    assert find("e") is RECIPES["E"]
    with pytest.raises(ValueError, match="no recipe 'X': known are T1, T2"):
        find("X")


def test_refusals_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["run", "E", "--out", out]) == 2
    assert "E needs --data with a CASIA folder" in capsys.readouterr().err
    assert main(["run", "E", "--out", out, "--data", str(tmp_path)]) == 2
    assert "Au is not a folder: expected Au_<kind>_<number>.jpg" in capsys.readouterr().err
    assert main(["run", "E", "--out", out, "--smoke", "--scale", "epoch=3"]) == 2
    assert "--scale knows epochs, batch, side, images" in capsys.readouterr().err
    assert main(["run", "E", "--out", out, "--smoke", "--device", "tpu"]) == 2
    assert "expected auto, cpu or cuda" in capsys.readouterr().err


def spoil(root: Path) -> Path:
    RECIPES["E"].sample(root)
    victim = sorted((root / "Au").iterdir())[3]
    victim.write_bytes(victim.read_bytes()[:300])
    Image.new("L", (8, 8)).save(root / "Au" / "note.txt", "PNG")
    return victim


def test_an_unreadable_image_is_named_and_refused(tmp_path: Path) -> None:
    victim = spoil(tmp_path / "data")
    with pytest.raises(
        ValueError, match=f"1 unreadable: {victim}; expected images, or use --skip-unreadable"
    ):
        run(RECIPES["E"], data=tmp_path / "data", out=tmp_path / "out", smoke=True, quiet=True)


def test_unreadable_images_are_skipped_and_listed_on_request(tmp_path: Path) -> None:
    victim = spoil(tmp_path / "data")
    results = run(
        RECIPES["E"],
        data=tmp_path / "data",
        out=tmp_path / "out",
        smoke=True,
        quiet=True,
        skip_unreadable=True,
        scale={"images": "24"},
    )
    assert results.extra["skipped"] == [str(victim)]
    assert sum(side["real"] for side in results.counts.values()) == 23
