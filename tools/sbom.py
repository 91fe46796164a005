"""Bills of materials (CycloneDX 1.6, JSON) of the two images: `make sbom` writes sbom/web.cdx.json and worker.cdx.json.

What is in an image is what requirements/*.txt pin for Linux and the Python of the Dockerfile, with their hashes, and
the scripts of static/vendor. Licences are read from the installed packages of .venv: `License-Expression`,
classifiers, the field `License`, or the title of the licence file. A component of another version than the installed
one (.venv may have an older Python) says so in a property. Packages that name no licence are listed at the end. Runs
in an environment of its own (requirements/sbom.txt).
"""

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "sbom"
SETS = ("web", "worker")
VENDORED = re.compile(
    r"^\| `(?P<file>[^`]+)`[^|]*\| (?:`(?P<package>[^`]+)`|the same) \| (?P<version>[\d.]+) \| "
    r"(?P<licence>the same|[\w.-]+)[^|]*\| `(?P<sha256>[0-9a-f]{64})` \|$",
    re.M,
)

PINNED = re.compile(r"requirements line \d+: \S+ ; (.+?)\s+--hash")

Component = dict[str, Any]


def key_of(component: Component) -> tuple[str, str]:
    """Name as PEP 503 normalises it, and version."""
    return re.sub(r"[-_.]+", "-", component["name"]).lower(), component.get("version", "")


def in_image(components: list[Component], python: str) -> list[Component]:
    """Those whose pin applies to Linux and this Python ("3.12"), on one of the two kinds of processor at least.

    cyclonedx-py keeps the marker only as text, in the description.
    """
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    names = {"python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython"}
    found = []
    for component in components:
        marker = PINNED.match(component.get("description", ""))
        kinds = [linux | names | {"platform_machine": kind} for kind in ("x86_64", "aarch64")]
        if marker is None or any(Marker(marker[1]).evaluate(kind) for kind in kinds):
            found.append(component)
    return found


def with_licences(components: list[Component], installed: list[Component]) -> list[Component]:
    """The pinned components with licence and description of the same installed version, else of the installed one."""
    known = {key_of(component)[0]: component for component in installed}
    found = []
    for component in components:
        of = known.get(key_of(component)[0], {})
        more: Component = {fact: of[fact] for fact in ("licenses", "description") if fact in of}
        if "licenses" in more and key_of(of) != key_of(component):
            seen = {"name": "licence read from version", "value": of["version"]}
            more["properties"] = [*component.get("properties", []), seen]
        found.append(component | more)
    return found


def with_named_licences(installed: list[Component], folder: Path) -> list[Component]:
    """Those without a licence get what their metadata in `folder` say in words; cyclonedx-py reads SPDX names only."""
    files = {key_of({"name": found.name})[0]: found for found in distributions(path=[str(folder)])}
    named = []
    for component in installed:
        found = files.get(key_of(component)[0])
        words = licence_words(found) if found and "licenses" not in component else ""
        named.append(component | ({"licenses": [{"license": {"name": words}}]} if words else {}))
    return named


def licence_words(found: Distribution) -> str:
    """The field `License`, or the first line of the licence file; empty if there is neither."""
    texts = [*(found.metadata.get_all("License") or [])]
    texts += [
        file.read_text() for file in found.files or () if re.match(r"(?i)(licen[cs]e|copying)", file.name)
    ]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return next((line[:100] for line in lines if line and line != "UNKNOWN"), "")


def vendored(table: str) -> list[Component]:
    """The files of static/vendor, from the table of VENDOR.md."""
    found: list[Component] = []
    package = licence = ""
    for row in VENDORED.finditer(table):
        package = row["package"] or package
        licence = licence if row["licence"] == "the same" else row["licence"]
        found.append(
            {
                "type": "library",
                "bom-ref": f"vendor-{row['file']}",
                "name": package,
                "version": row["version"],
                "purl": f"pkg:npm/{package}@{row['version']}",
                "licenses": [{"license": {"id": licence}}],
                "hashes": [{"alg": "SHA-256", "content": row["sha256"]}],
                "properties": [{"name": "file", "value": f"static/vendor/{row['file']}"}],
            }
        )
    return found


def cyclonedx(*arguments: str) -> dict[str, Any]:
    """What cyclonedx-py says; raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bom.json"
        # Requirements files have no root component, so they have no dependencies of one.
        quiet = ["-W", "ignore:The Component this BOM is describing"]
        tool = [sys.executable, *quiet, "-m", "cyclonedx_py"]
        command = [*tool, *arguments, "--output-reproducible", "-o", str(out)]
        subprocess.run(command, check=True, cwd=ROOT)
        return dict(json.loads(out.read_text()))


def main() -> None:
    from cyclonedx.schema import SchemaVersion  # type: ignore[import-not-found,unused-ignore]
    from cyclonedx.validation.json import JsonStrictValidator  # type: ignore[import-not-found,unused-ignore]

    TARGET.mkdir(exist_ok=True)
    [python] = re.findall(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)", (ROOT / "Dockerfile").read_text(), re.M)
    [folder] = (ROOT / ".venv/lib").glob("python*/site-packages")
    installed = with_named_licences(cyclonedx("environment", ".venv/bin/python")["components"], folder)
    for name in SETS:
        bom = cyclonedx("requirements", f"requirements/{name}.txt", "--pyproject", "pyproject.toml")
        components = with_licences(in_image(bom["components"], python), installed)
        if name == "web":
            components += vendored((ROOT / "static/vendor/VENDOR.md").read_text())
        text = json.dumps(bom | {"components": components}, indent=1, ensure_ascii=False) + "\n"
        if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
            raise SystemExit(f"{name}: no valid CycloneDX: {wrong}")
        (TARGET / f"{name}.cdx.json").write_text(text)
        without = sorted({component["name"] for component in components if "licenses" not in component})
        print(f"sbom/{name}.cdx.json: {len(components)} components")
        print(f"  without a licence: {', '.join(without) or 'none'}")


if __name__ == "__main__":
    main()
