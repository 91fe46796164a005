"""No container engine is needed to find most of what breaks a deployment."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SETTINGS = "\n".join(part.read_text() for part in sorted((ROOT / "kyc_review" / "settings").glob("*.py")))
APP = {"migrate", "web", "worker-scoring", "worker-training", "worker-evidence", "worker-default", "beat"}


class Loader(yaml.SafeLoader):
    """Knows docker compose's own tag."""


def _sequence(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node)


Loader.add_constructor("!reset", _sequence)


def services() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE)["services"]


def stages() -> dict[str, str]:
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.M)[1:]
    return {name: base + "\n" + body for base, name, body in zip(*[iter(parts)] * 3, strict=True)}


def test_the_services_are_those_of_the_plan() -> None:
    assert set(services()) == APP | {"postgres", "valkey"}


@pytest.mark.parametrize("name", sorted(APP | {"postgres", "valkey"}))
def test_each_service_restarts_and_is_probed(name: str) -> None:
    service = services()[name]
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert "healthcheck" in service or (name == "web" and "HEALTHCHECK" in stages()["web"])


def test_state_lies_in_named_volumes() -> None:
    assert set(yaml.safe_load(COMPOSE)["volumes"]) == {"postgres", "valkey", "data", "keys"}
    for name in APP:  # `migrate` makes the key that encrypts pictures, which the others only read
        assert services()[name]["volumes"] == [
            "data:/data",
            "keys:/keys" if name == "migrate" else "keys:/keys:ro",
        ]
    assert "--appendonly yes" in services()["valkey"]["command"][-1]


def test_the_scoring_worker_reserves_a_gpu_and_can_do_without() -> None:
    devices = services()["worker-scoring"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    cpu = yaml.load((ROOT / "docker-compose.cpu.yml").read_text(), Loader)["services"]["worker-scoring"]
    assert cpu["deploy"]["resources"]["reservations"]["devices"] == []
    assert cpu["environment"]["SCORING_DEVICE"] == "cpu"


def test_no_secret_has_a_default() -> None:
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD", "VALKEY_PASSWORD"):
        uses = re.findall(rf"\$\{{{name}(.*?)\}}", COMPOSE)
        assert uses
        assert all(use.startswith(":?") for use in uses)
        assert re.search(rf"^{name}=$", EXAMPLE, re.M)


def test_nothing_but_loopback_is_published() -> None:
    for service in services().values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_setting_is_documented_and_nothing_else() -> None:
    read = set(re.findall(r'env(?:\.\w+)?\("(\w+)"', SETTINGS))
    of_compose = set(re.findall(r"\$\{(\w+)", COMPOSE))
    documented = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", EXAMPLE, re.M))
    assert documented == read | of_compose


def test_compose_passes_only_settings_that_exist() -> None:
    read = set(re.findall(r'env(?:\.\w+)?\("(\w+)"', SETTINGS))
    others = {"POSTGRES_OWNER_PASSWORD", "TORCHINDUCTOR_CACHE_DIR"}
    for name in APP:
        assert set(services()[name]["environment"]) - others <= read


def test_compose_repeats_no_default_of_the_settings() -> None:
    other_default = {"KEY_ENCRYPTION", "KEY_ENCRYPTION_KEY_FILE"}
    without_a_setting = {"WEB_REQUIREMENTS", "WEB_PORT", "POSTGRES_IMAGE", "VALKEY_IMAGE", "PYTHON_IMAGE"} | {
        "BUILD",
        "TRACING",
        "CLOUD",
        "ONNX",
    }
    assert set(re.findall(r"\$\{(\w+):?-", COMPOSE)) == without_a_setting | other_default


@pytest.mark.parametrize("name", sorted(APP | {"postgres", "valkey"}))
def test_each_service_has_a_limit_of_memory(name: str) -> None:
    assert re.fullmatch(r"\d+[gm]", services()[name]["mem_limit"])


def test_images_of_others_can_be_pinned_by_digest() -> None:
    """Every image that is not built here comes from a variable, whose default names a version."""
    named = {name: service["image"] for name, service in services().items() if "build" not in service}
    ours = {service["image"] for service in services().values() if "build" in service}
    foreign = {name: image for name, image in named.items() if image not in ours}
    assert set(foreign) == {"postgres", "valkey"}
    assert all(re.fullmatch(r"\$\{\w+_IMAGE:-[\w/]+:\d+\}", image) for image in foreign.values())
    assert re.search(
        r"^ARG PYTHON_IMAGE=python:\d+\.\d+-slim\nFROM \$\{PYTHON_IMAGE\} AS base", DOCKERFILE, re.M
    )


def test_the_web_image_has_no_torch_and_the_worker_has() -> None:
    assert "--from=build-web" in stages()["web"]
    assert "requirements/web.txt" in stages()["build-web"]
    assert "requirements/worker.txt" not in stages()["build-web"]
    assert not re.search(r"^(torch|timm)==", (ROOT / "requirements/web.txt").read_text(), re.M)
    assert re.search(r"^torch==", (ROOT / "requirements/worker.txt").read_text(), re.M)


@pytest.mark.parametrize("name", ["web", "worker"])
def test_images_run_as_an_ordinary_user_without_secrets(name: str) -> None:
    assert "USER kyc" in stages()[name]
    assert not re.search(r"^(ARG|ENV).*(SECRET|PASSWORD|KEY)", stages()[name], re.M)


def test_each_image_is_described_once() -> None:
    """Two builds under one name would take turns: a worker would start in the image without torch."""
    built: dict[str, list[dict[str, Any]]] = {}
    for service in services().values():
        if "build" in service and service["build"] not in built.setdefault(service["image"], []):
            built[service["image"]].append(service["build"])
    targets = {image: [build["target"] for build in builds] for image, builds in built.items()}
    assert targets == {"kyc-review-web": ["web"], "kyc-review-worker": ["worker"]}


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets an engine have the path: the last pattern that fits it, or a folder above, decides."""
    parts, sent = path.split("/"), True
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!").removeprefix("**/")
        if any(fnmatch("/".join(parts[: end + 1]), pattern) for end in range(len(parts))):
            sent = line.startswith("!")
    return sent


@pytest.mark.parametrize("name", sorted(stages()))
def test_every_copied_path_exists_and_reaches_the_engine(name: str) -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", stages()[name], re.M):
        for source in line.replace("${WEB_REQUIREMENTS}", "web").split()[:-1]:
            assert (ROOT / source).exists(), source
            assert is_sent(source), f"{source} is in .dockerignore"
    assert not is_sent("docs/deploy.md")
    assert not is_sent(".git/HEAD")


@pytest.mark.parametrize(("name", "without"), [("web", {"devstack", "ml"}), ("worker", {"devstack"})])
def test_an_image_has_every_package_of_ours_that_its_packages_import(name: str, without: set[str]) -> None:
    """devstack is no part of the product, and the web process never imports ml."""
    copied = set(re.findall(r"^COPY (\w+) \1$", stages()[name], re.M))
    ours = {init.parent.name for init in ROOT.glob("*/__init__.py")}
    for package in sorted(copied & ours):
        for file in (ROOT / package).rglob("*.py"):
            imported = set(re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(), re.M)) & ours
            assert imported - without <= copied, file


def commands() -> list[list[str]]:
    found = [
        service["command"] for name, service in services().items() if name in APP and "command" in service
    ]
    return found + [yaml.safe_load(line) for line in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)]


@pytest.mark.parametrize("command", commands(), ids=lambda command: " ".join(command)[:50])
def test_every_command_is_understood_by_its_program(command: list[str]) -> None:
    """Each option is known to the installed program: it is run with --help, after the options where it can."""
    program = str(Path(sys.executable).with_name(command[0]))
    if command[0] == "celery":
        arguments = [program, *command[1:4], "--help"]
        options = [part.split("=")[0] for part in command[4:] if part.startswith("-")]
    elif command[0] == "granian":
        arguments, options = [program, "--help"], [part for part in command if part.startswith("--")]
    else:
        arguments, options = [sys.executable, *command[1:], "--help"], []
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(option in done.stdout for option in options), done.stdout


def test_the_owner_of_the_tables_is_known_to_migrations_alone() -> None:
    for name in APP:
        told = services()[name]["environment"]
        assert told["POSTGRES_OWNER_PASSWORD"] == "", "env_file would pass it"
        assert told["DATABASE_URL"].startswith("postgres://kyc:")
        owner = "postgres://kyc_owner:" if name == "migrate" else ""
        assert told["DATABASE_OWNER_URL"][: len("postgres://kyc_owner:")] == owner
    assert services()["postgres"]["environment"]["POSTGRES_USER"] == "kyc_owner"


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "VALKEY_URL"])
def test_a_missing_secret_stops_the_start_and_is_named(missing: str, tmp_path: Path) -> None:
    known = {"SECRET_KEY": "x", "DATABASE_URL": "postgres://u@h/d", "VALKEY_URL": "redis://h"}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | {
        k: v for k, v in known.items() if k != missing
    }
    code = "import kyc_review.settings"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode != 0
    assert missing in done.stderr.splitlines()[-1]


def test_another_database_than_postgres_is_refused(tmp_path: Path) -> None:
    env = {
        "PYTHONPATH": str(ROOT),
        "SECRET_KEY": "x",
        "DATABASE_URL": "sqlite:///x",
        "VALKEY_URL": "redis://h",
    }
    code = "import kyc_review.settings"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert "must name a PostgreSQL database" in done.stderr


def test_debug_is_off_unless_asked_for() -> None:
    assert 'env.bool("DEBUG", default=False)' in SETTINGS


@pytest.mark.parametrize("name", sorted(APP))
def test_every_setting_of_the_env_file_reaches_the_app(name: str) -> None:
    assert services()[name]["env_file"] == [{"path": ".env", "required": False}]
