"""The bill of materials: licences of the pinned versions, and the vendored scripts."""

from pathlib import Path

from tools.sbom import Component, vendored, with_licences

ROOT = Path(__file__).parents[2]
MIT = [{"license": {"id": "MIT"}}]


def test_a_pinned_package_gets_the_licence_of_the_same_version_alone() -> None:
    pinned: list[Component] = [
        {"name": "django-csp", "version": "4.0", "hashes": []},
        {"name": "six", "version": "1.17.0"},
    ]
    installed: list[Component] = [
        {"name": "Django_CSP", "version": "4.0", "licenses": MIT},
        {"name": "six", "version": "1.0", "licenses": MIT},
    ]
    assert with_licences(pinned, installed) == [pinned[0] | {"licenses": MIT}, pinned[1]]


def test_every_vendored_file_is_a_component_with_licence_and_hash() -> None:
    found = vendored((ROOT / "static/vendor/VENDOR.md").read_text())
    named = {component["properties"][0]["value"].rpartition("/")[2] for component in found}
    folder = ROOT / "static/vendor"
    assert named == {file.name for file in folder.iterdir() if file.suffix in (".js", ".css")}
    assert {component["licenses"][0]["license"]["id"] for component in found} == {"0BSD", "Apache-2.0", "MIT"}
    assert {component["name"] for component in found} == {"htmx.org", "swagger-ui-dist", "uplot"}
