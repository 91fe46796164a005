"""requirements/*.txt against pyproject.toml: pinned, hashed, complete and consistent."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("web", "web-parquet", "tracing", "cloud", "onnx", "worker", "dev", "bench", "uv", "sbom")
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def pins(name: str) -> dict[str, set[str]]:
    """Versions by package; a package may have one version per Python version."""
    found: dict[str, set[str]] = {}
    for package, version in PIN.findall(text(name)):
        found.setdefault(package, set()).add(version)
    return found


def wanted(*, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = list(project["project"]["dependencies"])
    for extra in extras:
        lines += project["project"]["optional-dependencies"][extra]
    for group in groups:
        lines += project["dependency-groups"][group]
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in lines}


@pytest.mark.parametrize(
    ("name", "extras", "groups"),
    [
        ("web", (), ()),
        ("web-parquet", ("parquet",), ()),
        ("worker", ("worker",), ()),
        ("dev", ("worker", "embedded"), ("dev",)),
        ("bench", ("worker", "embedded"), ("dev", "bench")),
    ],
)
def test_each_file_holds_what_pyproject_asks_for(
    name: str, extras: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    missing = wanted(extras=extras, groups=groups) - pins(name).keys()
    assert not missing, f"run `make lock`: requirements/{name}.txt lacks {sorted(missing)}"


def test_the_web_server_needs_no_torch() -> None:
    assert not {"torch", "timm", "numpy"} & pins("web").keys()


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_hashed_and_no_address_is_named(name: str) -> None:
    entries = re.split(r"\n(?=[a-z])", text(name).strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--find-links|--extra", text(name))


@pytest.mark.parametrize("name", ["web", "web-parquet", "tracing", "cloud", "onnx", "worker", "dev"])
def test_all_files_name_the_same_versions(name: str) -> None:
    largest = pins("bench")
    assert {
        package: versions for package, versions in pins(name).items() if not versions <= largest[package]
    } == {}


@pytest.mark.parametrize("name", ["tracing", "cloud", "onnx"])
def test_packages_for_either_image_are_those_of_the_extra(name: str) -> None:
    """They are installed on top of either image, so their file is made from them alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = (ROOT / "requirements" / f"{name}.in").read_text().split()
    assert asked == project["project"]["optional-dependencies"][name]
    assert {line.partition(">=")[0] for line in asked} <= pins(name).keys()
