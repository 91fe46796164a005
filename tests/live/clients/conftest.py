"""A live server, and the pinned tools that generate and build clients of it (tools/clients.sh)."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from devstack.paths import REPOSITORY
from tests.factories.clients import COMPILER_OPTIONS, FLOWS, TOOLS, run
from tests.factories.pictures import jpeg_bytes
from tests.factories.scripted_server import ScriptedServer, scripted_server


@pytest.fixture(scope="session")
def node() -> Path:
    """Skips where node is absent."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm, 18 or newer")
    return Path(found)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the tools of CI, installed now if they are not there. Skips where they cannot be fetched."""
    done = subprocess.run(["tools/clients.sh", "light"], cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the tools for clients could not be fetched: {done.stderr[-300:]}")
    return TOOLS


@pytest.fixture(scope="session")
def all_tools(tools: Path) -> Path:
    """Skips where `make clients` has not installed the rest of the tools, which are large."""
    if not (tools / "generators.stamp").exists():
        pytest.skip("make clients installs the tools")
    return tools


@pytest.fixture
def client_environment(server: str, test_key: str, tmp_path: Path) -> dict[str, str]:
    """What a flow is told: where the server is, its key, a picture, and a receiver that may be registered."""
    picture = tmp_path / "selfie.jpg"
    picture.write_bytes(jpeg_bytes(600, 600))
    return {"SERVER": server, "KEY": test_key, "PICTURE": str(picture), "RECEIVER": "http://127.0.0.1:9/hook"}


@pytest.fixture
def typescript_flow(
    node: Path, client_environment: Mapping[str, str], tmp_path: Path
) -> Callable[[str, Path], str]:
    """Compiles and runs a flow against the client in `tmp_path / "generated"`, with the packages of `modules`."""

    def compiled_and_run(flow: str, modules: Path) -> str:
        (tmp_path / "package.json").write_text('{"type": "module"}')
        (tmp_path / "node_modules").symlink_to(modules / "node_modules")
        shutil.copy(FLOWS / f"{flow}.mts", tmp_path)
        compiler = str(modules / "node_modules/.bin/tsc")
        run([compiler, *COMPILER_OPTIONS, "--outDir", "built", f"{flow}.mts"], tmp_path)
        return run([str(node), f"built/{flow}.mjs"], tmp_path, client_environment)

    return compiled_and_run


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server
