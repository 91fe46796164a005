"""Bills of materials (CycloneDX 1.6, JSON) of the two images: `make sbom` writes sbom/web.cdx.json and worker.cdx.json.

What is in an image is what requirements/*.txt pin, with their hashes, and the scripts of static/vendor; licences are
read from the installed packages of .venv. Runs in an environment of its own (requirements/sbom.txt). Packages that
.venv lacks, because they are for another platform, have no licence; they are named at the end.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "sbom"
SETS = ("web", "worker")
VENDORED = re.compile(
    r"^\| `(?P<file>[^`]+)`[^|]*\| (?:`(?P<package>[^`]+)`|the same) \| (?P<version>[\d.]+) \| "
    r"(?P<licence>the same|[\w.-]+)[^|]*\| `(?P<sha256>[0-9a-f]{64})` \|$",
    re.M,
)

Component = dict[str, Any]


def key_of(component: Component) -> tuple[str, str]:
    """Name as PEP 503 normalises it, and version."""
    return re.sub(r"[-_.]+", "-", component["name"]).lower(), component.get("version", "")


def with_licences(components: list[Component], installed: list[Component]) -> list[Component]:
    """The pinned components with the licences and descriptions of the same installed versions."""
    known = {key_of(component): component for component in installed}
    facts = ("licenses", "description")
    return [
        component | {fact: of[fact] for fact in facts if fact in of}
        for component in components
        for of in [known.get(key_of(component), {})]
    ]


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
        command = [sys.executable, "-m", "cyclonedx_py", *arguments, "--output-reproducible", "-o", str(out)]
        subprocess.run(command, check=True, cwd=ROOT)
        return dict(json.loads(out.read_text()))


def main() -> None:
    from cyclonedx.schema import SchemaVersion  # type: ignore[import-not-found,unused-ignore]
    from cyclonedx.validation.json import JsonStrictValidator  # type: ignore[import-not-found,unused-ignore]

    TARGET.mkdir(exist_ok=True)
    installed = cyclonedx("environment", ".venv/bin/python")["components"]
    for name in SETS:
        bom = cyclonedx("requirements", f"requirements/{name}.txt", "--pyproject", "pyproject.toml")
        components = with_licences(bom["components"], installed)
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
