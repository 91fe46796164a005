import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from detection import bundle as bundles
from detection.bundle import View
from detection.ensemble import Ensemble
from detection.forensics.compression_cells import CELLS, VALUES
from detection.networks.convnext import convnext
from detection.networks.hybrid import HYBRID
from detection.networks.stacking import Stacking
from ml.cli import main
from ml.sources import SourceMissing
from ml.sources.manifest import read
from ml.training.bundle_writer import Voter, write_bundle
from tests.factories.bundles import ARCHITECTURE, TINY, tiny_bundle
from tests.factories.training_snapshots import snapshot, told


def test_a_candidate_is_a_bundle_that_serves(tmp_path: Path, served: Path) -> None:
    manifest, out = snapshot(tmp_path / "snapshot", 30), tmp_path / "candidate"
    assert (
        main(
            ["train", "--manifest", str(manifest), "--out", str(out), "--init", str(served), "--epochs", "1"]
        )
        == 0
    )
    candidate = bundles.read(out)
    assert candidate.provenance["trained_from"] == "tiny"
    assert candidate.metrics["test"]["votes"]["all"]["recall_with_human"]["n"] > 0
    assert candidate.metrics["thresholds_matched"] is True
    flagged = candidate.metrics["flagged_of_validation"]
    assert flagged["now"] <= flagged["before"] + 0.01
    found = candidate.metrics["against_champion"]
    assert found["difference"]["low"] <= found["candidate"] - found["champion"] <= found["difference"]["high"]
    votes = Ensemble.load(out, device="cpu", threads=1).score([Image.new("RGB", (80, 60))])[0]
    assert [v.member for v in votes] == ["north", "east", "south", "west", "stack"]


@pytest.mark.slow
def test_a_killed_run_goes_on_after_the_last_finished_member(tmp_path: Path, served: Path) -> None:
    manifest, out, work = snapshot(tmp_path / "snapshot", 30), tmp_path / "candidate", tmp_path / "work"
    arguments = ["train", "--manifest", str(manifest), "--out", str(out), "--init", str(served)]
    arguments += ["--epochs", "2", "--work", str(work)]
    killed = subprocess.Popen([sys.executable, "-m", "ml", *arguments], stderr=subprocess.PIPE)
    first = work / "members" / "north.safetensors"
    deadline = time.monotonic() + 120
    while not first.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert first.exists()
    assert sorted(path.name for path in work.iterdir()) == ["members", "options.json", "progress.jsonl"]
    written = first.stat().st_mtime_ns
    assert main(arguments) == 0
    assert first.stat().st_mtime_ns == written
    lines = told(work)
    assert lines[-1]["phase"] == "finish"
    assert [line["done"] for line in lines if line.get("member") == "west"][-1] == lines[-2]["of"]
    assert bundles.read(out).provenance["epochs"] == 2


@pytest.mark.slow
def test_members_of_another_wish_are_not_taken_over(tmp_path: Path, served: Path) -> None:
    manifest, work = snapshot(tmp_path / "snapshot", 30), tmp_path / "work"
    arguments = [
        "train",
        "--manifest",
        str(manifest),
        "--init",
        str(served),
        "--epochs",
        "1",
        "--work",
        str(work),
    ]
    assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
    assert main([*arguments, "--out", str(tmp_path / "two"), "--seed", "1"]) == 0
    digests = {(tmp_path / out / "north.safetensors").read_bytes() for out in ("one", "two")}
    assert len(digests) == 2


def test_from_scratch_keeps_the_architectures_and_no_weights(tmp_path: Path, served: Path) -> None:
    manifest, out = snapshot(tmp_path / "snapshot", 30), tmp_path / "candidate"
    arguments = [
        "train",
        "--manifest",
        str(manifest),
        "--out",
        str(out),
        "--init",
        str(served),
        "--epochs",
        "1",
    ]
    assert main([*arguments, "--scratch"]) == 0
    candidate = bundles.read(out)
    assert candidate.provenance["scratch"] is True
    assert [m.architecture for m in candidate.members] == [
        m.architecture for m in bundles.read(served).members
    ]
    assert "from scratch" in (out / bundles.MODEL_CARD).read_text()


def test_too_few_decisions_say_how_many_are_needed(
    tmp_path: Path, served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = snapshot(tmp_path / "snapshot", 3)
    status = main(
        ["train", "--manifest", str(manifest), "--out", str(tmp_path / "out"), "--init", str(served)]
    )
    assert status == 2
    assert "at least 20 of each label" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_changed_image_is_refused(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path, 1)
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "0.png")
    with pytest.raises(SourceMissing, match="its SHA-256 differs"):
        read(manifest)


def test_path_outside_the_snapshot_is_refused(tmp_path: Path) -> None:
    manifest = snapshot(tmp_path / "s", 1)
    text = manifest.read_text().replace("images/0.png", "../../etc/passwd")
    manifest.write_text(text)
    with pytest.raises(SourceMissing, match="leaves the snapshot"):
        read(manifest)


def weighed(manifest: Path, weight: float) -> None:
    """Every fourth item was drawn by an audit."""
    document = json.loads(manifest.read_text())
    for number, item in enumerate(document["items"]):
        item["weight"] = weight if number // 4 % 4 == 0 else 1.0
    manifest.write_text(json.dumps(document))


def trained(served: Path, manifest: Path, out: Path, *more: str) -> bundles.Bundle:
    command = ["train", "--manifest", str(manifest), "--out", str(out), "--init", str(served)]
    assert main([*command, "--epochs", "1", *more]) == 0
    return bundles.read(out)


@pytest.mark.slow
def test_weights_count_in_training_unless_they_are_switched_off(tmp_path: Path, served: Path) -> None:
    manifest = snapshot(tmp_path / "snapshot", 30)
    uniform = trained(served, manifest, tmp_path / "uniform")
    weighed(manifest, 50.0)
    counted = trained(served, manifest, tmp_path / "counted", "--weight-max", "8")
    off = trained(served, manifest, tmp_path / "off", "--no-weights")
    north = {
        name: (tmp_path / name / "north.safetensors").read_bytes() for name in ("uniform", "counted", "off")
    }
    assert north["off"] == north["uniform"]
    assert north["counted"] != north["off"]
    assert uniform.provenance["weights"]["effective_size"] == uniform.provenance["decisions"]["train"]
    told, rows = counted.provenance["weights"], counted.provenance["decisions"]["train"]
    assert (told["truncated_at"], told["truncated"] > 0) == (8.0, True)
    assert told["effective_size"]["real"] < rows["real"]
    assert off.provenance["weights"] is None
    assert "All rows have equal weight" in (tmp_path / "off" / bundles.MODEL_CARD).read_text()


@pytest.mark.slow
def test_each_voter_may_be_balanced_in_its_own_way(
    tmp_path: Path, served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = snapshot(tmp_path / "snapshot", 30)
    document = trained(served, manifest, tmp_path / "document", "--balance", "document")
    assert document.provenance["balance"] == {
        "north": "smote",
        "east": "smote-under-focal",
        "south": "under-focal",
        "west": "under",
    }
    learned = document.provenance["decisions"]["train"]
    told = document.provenance["balanced"]
    assert [row["voter"] for row in told] == ["north", "east", "south", "west"]
    assert told[0]["real"] == learned["real"]
    assert "north smote" in (tmp_path / "document" / bundles.MODEL_CARD).read_text()
    plain = trained(served, manifest, tmp_path / "plain")
    assert set(plain.provenance["balance"].values()) == {"pairs"}
    arguments = ["train", "--manifest", str(manifest), "--init", str(served), "--out", str(tmp_path / "x")]
    assert main([*arguments, "--balance", "fairly"]) == 2
    assert "not a balancing method" in capsys.readouterr().err


def test_members_of_other_scales_and_architectures_are_fine_tuned_in_their_own_view(tmp_path: Path) -> None:
    """A hybrid that looks closer than the others, as baselines with ImageNet starts have."""
    views = (View(32, 0.16), View(64, 0.5), View(32, 0.16), View(32, 0.16))
    architectures = (ARCHITECTURE, HYBRID, ARCHITECTURE, ARCHITECTURE)
    voters = []
    for name, view, architecture in zip(
        ("north", "east", "south", "west"), views, architectures, strict=True
    ):
        arguments = {"evidence": "local"} if architecture == HYBRID else TINY
        voters.append(Voter(name, architecture, arguments, convnext(architecture, **arguments), view))
    write_bundle(
        tmp_path / "served",
        voters,
        Stacking(),
        thresholds=[0.5] * 5,
        temperatures=[1.0] * 5,
        version="mixed",
        provenance={},
        metrics={},
        card="# Card\n",
    )
    manifest, out = snapshot(tmp_path / "snapshot", 30), tmp_path / "candidate"
    command = ["train", "--manifest", str(manifest), "--out", str(out), "--init", str(tmp_path / "served")]
    assert main([*command, "--epochs", "1"]) == 0
    candidate = bundles.read(out)
    assert [member.view for member in candidate.members] == list(views)
    before, after = ((folder / "east.safetensors").read_bytes() for folder in (tmp_path / "served", out))
    assert before != after


@pytest.mark.slow
def test_a_bundle_that_looks_at_faces_learns_from_the_decisions_on_faces_alone(tmp_path: Path) -> None:
    samples = sorted((Path(__file__).parents[3] / "samples").glob("sample-*.jpg"))
    manifest = snapshot(tmp_path / "snapshot", 30)  # pictures of noise, in which there is no face
    content = json.loads(manifest.read_text())
    with_faces = [item for item in content["items"] if item["submission"] not in ("0", "1")]
    for number, item in enumerate(with_faces):
        picture = samples[number % len(samples)].read_bytes() + bytes([number])  # no two files are equal
        (manifest.parent / item["path"]).write_bytes(picture)
        item["sha256"] = hashlib.sha256(picture).hexdigest()
    manifest.write_text(json.dumps(content))
    tiny_bundle(tmp_path / "served", frame="face", compression=True)
    arguments = ["train", "--manifest", str(manifest), "--init", str(tmp_path / "served"), "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "candidate")]) == 0
    candidate = bundles.read(tmp_path / "candidate")
    assert candidate.sees_faces
    assert candidate.stack_input
    assert (
        Ensemble.load(candidate.path, device="cpu").stack_input_logits(torch.zeros(1, CELLS, VALUES)).tolist()
    )
    kept, given = (
        load_file(path / "compression.safetensors") for path in (tmp_path / "served", candidate.path)
    )
    assert all(torch.equal(kept[name].half(), given[name].half()) for name in kept)
    assert candidate.provenance["decisions_without_face"] == 2
    assert sum(sum(side.values()) for side in candidate.provenance["decisions"].values()) == len(with_faces)
    before, after = (
        load_file(path / "member-3.safetensors") for path in (tmp_path / "served", candidate.path)
    )
    assert any(not torch.equal(before[name].float(), after[name].float()) for name in before)
