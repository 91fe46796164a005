"""Generated clients compile, and post, list, read and manage webhooks against the live server.

CI generates two; the rest, which needs tools of 500 MB, runs with `make clients`.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.factories.clients import DOCUMENT, FLOWS, run

TypeScriptFlow = Callable[[str, Path], str]


def test_the_client_of_openapi_python_client_works(
    tools: Path, client_environment: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    command = [str(tools / "python/bin/openapi-python-client"), "generate", "--path", str(DOCUMENT)]
    command += [
        "--meta",
        "none",
        "--output-path",
        "generated",
        "--config",
        "config.yaml",
        "--fail-on-warning",
    ]
    run(command, tmp_path)
    flow = str(shutil.copy(FLOWS / "openapi_python_client.py", tmp_path))
    assert run([str(tools / "python/bin/python"), flow], tmp_path, client_environment) == "done"


def test_the_types_of_openapi_typescript_work(
    node: Path, tools: Path, typescript_flow: TypeScriptFlow, tmp_path: Path
) -> None:
    modules = tools / "typescript"
    generator = str(modules / "node_modules/.bin/openapi-typescript")
    run([generator, str(DOCUMENT), "-o", "generated/schema.d.ts"], tmp_path)
    assert typescript_flow("openapi_fetch", modules) == "done"


@pytest.mark.long
def test_the_client_of_openapi_generator_for_python_works(
    all_tools: Path, client_environment: Mapping[str, str], tmp_path: Path
) -> None:
    generate_with_openapi_generator(all_tools, "python", tmp_path)
    flow = str(shutil.copy(FLOWS / "openapi_generator.py", tmp_path))
    path = {"PYTHONPATH": str(tmp_path / "generated")}
    assert (
        run([str(all_tools / "generators/bin/python"), flow], tmp_path, {**client_environment, **path})
        == "done"
    )


@pytest.mark.long
def test_the_client_of_openapi_python_client_has_right_types(all_tools: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    command = [str(all_tools / "python/bin/openapi-python-client"), "generate", "--path", str(DOCUMENT)]
    run([*command, "--meta", "none", "--output-path", "generated", "--config", "config.yaml"], tmp_path)
    shutil.copy(FLOWS / "openapi_python_client.py", tmp_path)
    mypy = [
        str(all_tools / "generators/bin/mypy"),
        "--python-executable",
        str(all_tools / "python/bin/python"),
    ]
    run([*mypy, "openapi_python_client.py", "generated"], tmp_path)


@pytest.mark.long
def test_the_client_of_openapi_generator_for_typescript_works(
    all_tools: Path, typescript_flow: TypeScriptFlow, tmp_path: Path
) -> None:
    generate_with_openapi_generator(all_tools, "typescript-fetch", tmp_path, "importFileExtension=.js")
    assert typescript_flow("typescript_fetch", all_tools / "node") == "done"


@pytest.mark.long
def test_the_client_of_hey_api_works(
    node: Path, all_tools: Path, typescript_flow: TypeScriptFlow, tmp_path: Path
) -> None:
    (tmp_path / "openapi-ts.config.js").write_text(
        f'export default {{ input: "{DOCUMENT}", output: {{ path: "generated", module: {{ extension: ".js" }} }} }};'
    )
    run([str(all_tools / "node/node_modules/.bin/openapi-ts")], tmp_path)
    assert typescript_flow("hey_api", all_tools / "node") == "done"


@pytest.mark.long
def test_the_client_of_orval_works(
    node: Path, all_tools: Path, typescript_flow: TypeScriptFlow, tmp_path: Path
) -> None:
    command = [str(all_tools / "node/node_modules/.bin/orval"), "--input", str(DOCUMENT), "--client", "fetch"]
    run([*command, "--output", str(tmp_path / "generated/client.ts")], tmp_path)
    assert typescript_flow("orval", all_tools / "node") == "done"


def generate_with_openapi_generator(tools: Path, language: str, folder: Path, *properties: str) -> None:
    command = [str(tools / "generators/bin/openapi-generator-cli"), "generate", "-i", str(DOCUMENT)]
    command += ["-g", language, "-o", "generated"]
    if properties:
        command.append("--additional-properties=" + ",".join(properties))
    assert "FILEPATH_COLLISION" not in run(command, folder)
