"""New stack and thresholds for the members that ship, on a few real faces."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from detection import bundle as bundles
from ml.cli import main
from ml.synthesis.measure import Measures
from ml.training.measured_against import alarming
from ml.training.preparation import Prepared
from ml.training.recalibrated import packed_compression

DATA, ROOT = Path("../shared/data"), Path(__file__).parents[3]
COMPRESSION = ROOT / "detection" / "auxiliary" / "compression"


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the research pictures are not here: ../shared/data")
def test_a_recalibrated_bundle_keeps_the_members_and_does_what_its_manifest_says(tmp_path: Path) -> None:
    out, work = tmp_path / "bundle", ["--data", str(DATA), "--work", str(tmp_path / "work"), "--smoke"]
    command = ["recalibrate", *work, "--out", str(out), "--version", "again"]
    assert main([*command, "--compression", str(COMPRESSION)]) == 0
    shipped, made = bundles.read(ROOT / "detection" / "baseline"), bundles.read(out)
    assert [member.sha256 for member in made.members] == [member.sha256 for member in shipped.members]
    assert made.stack.sha256 != shipped.stack.sha256
    assert made.stack_input
    network, written = load_file(COMPRESSION / "weights.safetensors"), load_file(out / made.stack_input.file)
    assert all(torch.equal(network[name], written[name]) for name in network)
    assert "a network without a vote" in " ".join((out / bundles.MODEL_CARD).read_text().split())
    report = tmp_path / "report.json"
    both = ["--against", str(ROOT / "detection" / "baseline"), "--auxiliary", str(COMPRESSION)]
    assert main(["measure", *work, "--bundle", str(out), "--out", str(report), *both]) == 0
    measured = json.loads(report.read_text())
    for part in ("validation", "test", "files"):
        assert measured[part] == made.metrics[part], part
    compared = measured["against"]
    assert (compared["before"], compared["after"]) == (shipped.version, "again")
    for part, area in compared["stack_auc"].items():  # of the same rows as in the manifest
        assert area["candidate"] == pytest.approx(
            made.metrics["test"]["auc"][part]["stack"]["value"], abs=1e-4
        )
    forged = compared["sent_to_people"]["forged"]["after"]
    assert forged["n"] == made.metrics["test"]["forgeries"]["pooled"]["all"]["told_apart"]["n"]


def test_a_model_that_does_not_read_the_compression_is_no_input() -> None:
    with pytest.raises(ValueError, match="does not read the compression"):
        packed_compression(COMPRESSION.parent / "generated_face")


def test_an_auxiliary_model_that_cannot_be_asked_about_stored_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="does not read the compression"):
        alarming(COMPRESSION.parent / "generated_face")


def test_an_auxiliary_model_without_another_bundle_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["measure", "--out", str(tmp_path / "out.json"), "--auxiliary", str(COMPRESSION)]) == 2
    assert "name the other bundle" in capsys.readouterr().err


def test_pictures_that_are_split_otherwise_are_refused() -> None:
    shipped = bundles.read(ROOT / "detection" / "baseline")
    nothing = np.zeros(0)
    measures = Measures(nothing, nothing, nothing, nothing, nothing)
    prepared = Prepared([], measures, nothing, nothing, "another", Path(), 0)
    with pytest.raises(ValueError, match="another split"):
        prepared.require_split_of(shipped)
    replace(prepared, frozen=shipped.provenance["splits_sha256"]).require_split_of(shipped)
