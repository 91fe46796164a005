"""The bill of materials: licences of the pinned versions, and the vendored scripts."""

import sysconfig
from pathlib import Path

import pytest

from tools.sbom import Component, in_image, vendored, with_licences, with_named_licences

ROOT = Path(__file__).parents[2]
MIT = [{"license": {"id": "MIT"}}]


def test_a_pinned_package_gets_the_licence_and_says_if_it_is_of_another_version() -> None:
    pinned: list[Component] = [
        {"name": "django-csp", "version": "4.0", "hashes": []},
        {"name": "six", "version": "1.17.0"},
        {"name": "other", "version": "1"},
    ]
    installed: list[Component] = [
        {"name": "Django_CSP", "version": "4.0", "licenses": MIT},
        {"name": "six", "version": "1.0", "licenses": MIT},
    ]
    of_another = [{"name": "licence read from version", "value": "1.0"}]
    assert with_licences(pinned, installed) == [
        pinned[0] | {"licenses": MIT},
        pinned[1] | {"licenses": MIT, "properties": of_another},
        pinned[2],
    ]


@pytest.mark.parametrize(
    ("marker", "is_in"),
    [
        ("", True),
        (" ; python_full_version < '3.12'", False),
        (" ; python_full_version >= '3.12'", True),
        (" ; sys_platform == 'win32'", False),
        (" ; platform_machine == 'aarch64' and sys_platform == 'linux'", True),
    ],
)
def test_pins_of_other_platforms_and_pythons_are_not_in_the_image(marker: str, is_in: bool) -> None:
    pin = {"name": "numpy", "description": f"requirements line 8: numpy==2{marker}     --hash=sha256:0 "}
    assert bool(in_image([pin], "3.12")) is is_in


def test_packages_that_name_their_licence_in_words_get_it() -> None:
    """cyclonedx-py reads expressions and classifiers only."""
    folder = Path(sysconfig.get_path("purelib"))
    names = ("protobuf", "torchvision", "ImageHash", "uritemplate", "cuda-toolkit")
    bare: list[Component] = [{"name": name, "version": "1"} for name in names]
    found = {
        of["name"]: of["licenses"][0]["license"]["name"]
        for of in with_named_licences(bare, folder)
        if "licenses" in of
    }
    assert found == {
        "protobuf": "3-Clause BSD License",
        "torchvision": "BSD",
        "ImageHash": "2-clause BSD License",
        "uritemplate": "BSD 3-Clause OR Apache-2.0",
    }


def test_a_licence_file_names_the_licence_where_the_metadata_do_not(tmp_path: Path) -> None:
    home = tmp_path / "six-1.dist-info"
    home.mkdir()
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: six\nVersion: 1\n")
    (home / "LICENSE.txt").write_text("\n  The MIT License\n\nPermission ...\n")
    (home / "RECORD").write_text("six-1.dist-info/LICENSE.txt,,\n")
    [found] = with_named_licences([{"name": "six", "version": "1"}], tmp_path)
    assert found["licenses"] == [{"license": {"name": "The MIT License"}}]


def test_every_vendored_file_is_a_component_with_licence_and_hash() -> None:
    found = vendored((ROOT / "static/vendor/VENDOR.md").read_text())
    named = {component["properties"][0]["value"].rpartition("/")[2] for component in found}
    folder = ROOT / "static/vendor"
    assert named == {file.name for file in folder.iterdir() if file.suffix in (".js", ".css")}
    assert {component["licenses"][0]["license"]["id"] for component in found} == {"0BSD", "Apache-2.0", "MIT"}
    assert {component["name"] for component in found} == {"htmx.org", "swagger-ui-dist", "uplot"}
