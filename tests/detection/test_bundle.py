import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detection import bundle
from detection.bundle import BundleRefused
from detection.ensemble import Ensemble
from tests.factories.bundles import tiny_bundle


def change(path: Path, edit: Callable[[dict], None]) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    edit(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_written_bundle_reads_back_the_same(tmp_path: Path) -> None:
    written = tiny_bundle(tmp_path)
    assert bundle.read(tmp_path) == written
    assert [member.name for member in written.members] == [f"member-{i}" for i in range(4)]


def test_a_changed_weight_file_is_refused_by_name(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)
    file = tmp_path / "member-2.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(BundleRefused, match=r"member-2\.safetensors: SHA-256"):
        bundle.read(tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "member-0.safetensors", "stack.safetensors"])
def test_a_missing_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    tiny_bundle(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleRefused, match=name):
        bundle.read(tmp_path)


def edit_member(**fields: object) -> Callable[[dict], None]:
    return lambda manifest: manifest["members"][0].update(fields)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edit_member(architecture="resnet18"), "unknown architecture 'resnet18'"),
        (edit_member(architecture="convnext_atto.d2_in1k"), "unknown architecture"),
        (edit_member(file="../../etc/passwd"), "not a plain"),
        (edit_member(file="/etc/passwd.safetensors"), "not a plain"),
        (edit_member(name="member-1"), "names must differ"),
        (edit_member(name="compression"), "none may be 'compression'"),
        (edit_member(threshold=0.0), "threshold"),
        (edit_member(temperature=0), "temperature"),
        (edit_member(view={"side": 4096}), "out of range"),
        (edit_member(view={"side": 32, "standardisation": "none"}), "standardisation"),
        (edit_member(surprise=1), "not a valid manifest"),
        (lambda m: m["members"].pop(), "3 members"),
        (lambda m: m.update(format="kyc-review/bundle/9"), "is unknown"),
        (lambda m: m["stack"].update(architecture="mlp"), "unknown architecture"),
        (lambda m: m.pop("stack"), "not a valid manifest"),
        (lambda m: m.update(version=""), "version"),
        (lambda m: m.update(provenance="research data"), "'provenance' must be a JSON object"),
        (lambda m: m.update(metrics=[0.9]), "'metrics' must be a JSON object"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(
    tmp_path: Path, edit: Callable[[dict], None], message: str
) -> None:
    tiny_bundle(tmp_path)
    change(tmp_path, edit)
    with pytest.raises(BundleRefused, match=message):
        bundle.read(tmp_path)


def test_a_manifest_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BundleRefused, match="not a valid manifest"):
        bundle.read(tmp_path)


@pytest.mark.parametrize("text", ["[]", '"x"', "[" * 100_000])
def test_json_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BundleRefused, match="not a valid manifest"):
        bundle.read(tmp_path)


def test_a_manifest_without_a_hash_is_refused(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)
    change(tmp_path, edit_member(sha256=None))
    with pytest.raises(BundleRefused, match="not a valid manifest"):
        bundle.read(tmp_path)


@pytest.mark.parametrize("arguments", [{"depths": "x"}, [1], {"norm_layer": "os.system"}])
def test_arguments_a_network_cannot_take_are_refused(tmp_path: Path, arguments: object) -> None:
    tiny_bundle(tmp_path)
    change(tmp_path, edit_member(arguments=arguments))
    with pytest.raises(BundleRefused, match="refuses its arguments"):
        Ensemble.load(tmp_path, device="cpu", threads=1)


def test_a_weight_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)
    (tmp_path / "member-0.safetensors").write_bytes(b"x" * 99)
    change(tmp_path, edit_member(sha256=hashlib.sha256(b"x" * 99).hexdigest()))
    with pytest.raises(BundleRefused, match="does not fit"):
        Ensemble.load(tmp_path, device="cpu", threads=1)


def test_a_linked_weight_file_is_refused(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "a")
    file = tmp_path / "a" / "stack.safetensors"
    file.rename(tmp_path / "elsewhere.safetensors")
    file.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(BundleRefused, match="link"):
        bundle.read(tmp_path / "a")


def test_any_change_of_the_manifest_changes_the_digest(tmp_path: Path) -> None:
    before = tiny_bundle(tmp_path)
    change(tmp_path, lambda m: m["members"][0].update(threshold=0.51))
    assert bundle.read(tmp_path).digest != before.digest


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    written = tiny_bundle(tmp_path)
    change(tmp_path, edit_member(arguments={"depths": [1, 1, 1, 1], "dims": [4, 8, 16, 24]}))
    with pytest.raises(BundleRefused, match="does not fit"):
        Ensemble.load(written.path, device="cpu", threads=1)


def test_reading_a_bundle_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import detection.bundle, sys; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    )


def test_a_bundle_written_before_views_had_a_frame_looks_at_the_centre(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)

    def without_frames(manifest: dict) -> None:
        for member in manifest["members"]:
            del member["view"]["frame"]

    change(tmp_path, without_frames)
    read = bundle.read(tmp_path)
    assert {member.view.frame for member in read.members} == {"centre"}
    assert not read.sees_faces


def test_a_bundle_can_anchor_views_on_the_face(tmp_path: Path) -> None:
    written = tiny_bundle(tmp_path, frame="face")
    assert [member.view.frame for member in written.members] == ["centre", "centre", "face", "face"]
    assert bundle.read(tmp_path).sees_faces


def test_an_unknown_frame_is_refused_by_name(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)
    change(tmp_path, edit_member(view={"side": 32, "frame": "nose"}))
    with pytest.raises(BundleRefused, match="'nose'"):
        bundle.read(tmp_path)
