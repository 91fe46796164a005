"""What a cluster would refuse, or run otherwise than docker compose does, found without a cluster."""

import re
import shutil
import subprocess
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.glob("*/*.yaml") if path.name != "kustomization.yaml")
KUBERNETES = "1.37"


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def base() -> list[dict[str, Any]]:
    return [one for path in (FOLDER / "base").glob("*.yaml") for one in documents(path.read_text())]


def pods() -> dict[str, dict[str, Any]]:
    kinds = ("Deployment", "Job")
    return {
        one["metadata"]["name"].removeprefix("kyc-review-"): one["spec"]["template"]["spec"]
        for one in base()
        if one["kind"] in kinds
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_object_has_the_fields_of_its_kind_and_no_others(path: Path) -> None:
    for document in documents(path.read_text()):
        if not document["apiVersion"].startswith("keda.sh/"):  # a definition of its own
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", ["single-node", "production"])
def test_the_overlays_build(overlay: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=True
    )
    found = {(one["kind"], one["metadata"]["name"]): one for one in documents(built.stdout)}
    scoring = found["Deployment", "kyc-review-scoring"]["spec"]
    has_gpu = "nvidia.com/gpu" in scoring["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert has_gpu is (overlay == "production")
    # What an autoscaler counts must not be set back by each `kubectl apply`.
    scaled = {
        one["spec"]["scaleTargetRef"]["name"] for (kind, _), one in found.items() if kind == "ScaledObject"
    }
    assert scaled == ({"kyc-review-scoring"} if overlay == "production" else set())
    counted = {
        name for (kind, name), one in found.items() if kind == "Deployment" and "replicas" in one["spec"]
    }
    assert counted == {name for kind, name in found if kind == "Deployment"} - scaled


def test_an_overlay_with_the_component_of_the_object_storage_builds(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    own = tmp_path / "kubernetes" / "own"
    own.mkdir()
    (own / "kustomization.yaml").write_text("resources: [../base]\ncomponents: [../object-storage]\n")
    command = ["kubectl", "kustomize", str(own)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {(one["kind"], one["metadata"]["name"]): one for one in documents(built)}
    told = found["ConfigMap", "kyc-review-settings"]["data"]
    example = (ROOT / ".env.example").read_text()
    assert told["FILE_STORAGE"] == "s3"
    assert all(
        f"# {name.removesuffix('_FILE')}=" in example for name in told if name.startswith("OBJECT_STORAGE_")
    )
    assert ("NetworkPolicy", "kyc-review-object-storage") in found


def test_every_kustomization_lists_its_files() -> None:
    for folder in FOLDER.iterdir():
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
        assert {path.name for path in FILES if path.parent == folder} == {
            name for name in listed if not name.startswith("..")
        }


def test_the_processes_are_those_of_compose_with_the_same_commands() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, spec in pods().items():
        service = compose.get(name) or compose[f"worker-{name}"]
        container = spec["containers"][0]
        assert container["image"] == service["image"]
        if "command" in service:
            assert container["command"] == service["command"]
        elif "command" in container:
            assert re.findall(r'"([^"]*)"', dockerfile.rpartition("CMD")[2]) == container["command"]
        assert grace_s(spec) == 60


def grace_s(spec: dict[str, Any]) -> int:
    """From SIGTERM on: what preStop waits is part of the pod's grace."""
    paused = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    return int(spec["terminationGracePeriodSeconds"]) - int(paused)


@pytest.mark.parametrize("name", sorted(pods()))
def test_no_pod_has_more_rights_than_it_needs(name: str) -> None:
    spec = pods()[name]
    container = spec["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert "livenessProbe" in container or name == "migrate"
    assert ("kyc-review-migrate" in secrets_of(spec)) is (name == "migrate"), "the owner of the tables"


@pytest.mark.parametrize("name", sorted(pods()))
def test_every_pod_has_the_secret_whose_files_the_settings_name(name: str) -> None:
    """The component of the object storage and overlays of a bank add to it: what names one file there is no list."""
    assert secrets_of(pods()[name])["kyc-review"] is None, "all keys of it"


def secrets_of(spec: dict[str, Any]) -> dict[str, list[dict[str, str]] | None]:
    """The secrets that a pod mounts as files, and which keys of each; None: all."""
    found = {}
    for volume in spec["volumes"]:
        if "secret" in volume:
            found[volume["secret"]["secretName"]] = volume["secret"].get("items")
        for source in volume.get("projected", {}).get("sources", []):
            found[source["secret"]["name"]] = source["secret"].get("items")
    return found


def test_it_sets_only_settings_that_exist() -> None:
    example = (ROOT / ".env.example").read_text()
    known = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", example, re.M)) | {"TORCHINDUCTOR_CACHE_DIR"}
    names = {name for one in base() if one["kind"] == "ConfigMap" for name in one["data"]}
    assert {name if name in known else name.removesuffix("_FILE") for name in names} <= known


def containers() -> list[tuple[str, dict[str, Any]]]:
    """(overlay or base, container) of every pod."""
    return [
        (path.parent.name, container)
        for path in FILES
        for one in documents(path.read_text())
        for kind in ("initContainers", "containers")
        for container in one.get("spec", {}).get("template", {}).get("spec", {}).get(kind, [])
    ]


def test_every_container_has_a_limit_of_memory() -> None:
    assert len(containers()) > len(pods())
    without = [
        container["name"]
        for _, container in containers()
        if not re.fullmatch(r"\d+[GM]i", container.get("resources", {}).get("limits", {}).get("memory", ""))
    ]
    assert without == []


def test_every_image_can_be_pinned_in_one_place_and_is_that_of_compose() -> None:
    """`images:` of a kustomization renames, tags and pins; a name that is not there would be left out silently."""
    of_compose = set(re.findall(r"\$\{\w+_IMAGE:-([^}]+)\}", (ROOT / "docker-compose.yml").read_text()))
    for folder in ("base", "single-node"):
        listed = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())["images"]
        used = {container["image"] for place, container in containers() if place == folder}
        assert {image.partition(":")[0] for image in used} == {entry["name"] for entry in listed}
        assert all("newTag" in entry or "digest" in entry for entry in listed)
        foreign = {image for image in used if not image.startswith("kyc-review-")}
        assert foreign <= of_compose
        assert {f"{entry['name']}:{entry['newTag']}" for entry in listed if "newName" not in entry} == foreign


def mebibytes(text: str) -> int:
    number, unit = int(re.findall(r"\d+", text)[0]), text.lstrip("0123456789")[0].upper()
    return number * {"M": 1, "G": 1024}[unit]


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def of_compose(name: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return dict(services.get(name) or services[f"worker-{name}"])


def stateful() -> dict[str, dict[str, Any]]:
    found = documents((FOLDER / "single-node" / "services.yaml").read_text())
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in found
        if one["kind"] == "StatefulSet"
    }


@pytest.mark.parametrize("name", sorted({**pods(), **stateful()}))
def test_memory_and_grace_are_those_of_compose(name: str) -> None:
    spec, service = {**pods(), **stateful()}[name], of_compose(name)
    limits = spec["containers"][0]["resources"]["limits"]
    assert mebibytes(limits["memory"]) == mebibytes(service["mem_limit"])
    if "stop_grace_period" in service:
        assert grace_s(spec) == seconds(service["stop_grace_period"])


@pytest.mark.parametrize("name", ["beat", "default", "evidence", "scoring", "training"])
def test_workers_are_alive_by_the_same_question_as_in_compose(name: str) -> None:
    probe, check = pods()[name]["containers"][0]["livenessProbe"], of_compose(name)["healthcheck"]
    assert probe["exec"]["command"] == check["test"][1:]
    assert probe["initialDelaySeconds"] == seconds(check["start_period"])
    assert probe["periodSeconds"] == seconds(check["interval"])
    assert probe["timeoutSeconds"] == seconds(check["timeout"])
    assert probe.get("failureThreshold", 3) == check.get("retries", 3)


def test_web_processes_are_ready_by_the_same_question_as_in_compose() -> None:
    probe = pods()["web"]["containers"][0]["readinessProbe"]["httpGet"]
    assert f"http://127.0.0.1:8000{probe['path']}" in (ROOT / "Dockerfile").read_text()


def test_pods_have_the_settings_of_composes_containers() -> None:
    """What both set has one value, but for addresses and for secrets, which are files in a cluster."""
    compose: dict[str, str] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["x-app"][
        "environment"
    ]
    settings = next(one["data"] for one in base() if one["kind"] == "ConfigMap")
    plain = {name: text for name, text in compose.items() if "$" not in text and text}
    assert {name: settings.get(name) for name in plain} == plain
    own = {"POSTGRES_OWNER_PASSWORD", "DATABASE_OWNER_URL"}  # the containers of compose must not have them
    assert not {name for name in compose if name not in settings and f"{name}_FILE" not in settings} - own


def test_postgres_has_the_shared_memory_and_the_options_of_compose() -> None:
    spec, service = stateful()["postgres"], of_compose("postgres")
    container = spec["containers"][0]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volume = next(one for one in spec["volumes"] if one["name"] == mounts["/dev/shm"])
    assert volume["emptyDir"]["medium"] == "Memory"
    assert mebibytes(volume["emptyDir"]["sizeLimit"]) == mebibytes(service["shm_size"])
    assert container["args"] == service["command"]


def test_what_runs_twice_is_spread_over_nodes() -> None:
    for one in base():
        if one["kind"] == "Deployment" and one["spec"]["replicas"] > 1:
            (spread,) = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
            assert spread["labelSelector"] == one["spec"]["selector"]


def test_scoring_workers_are_not_stopped_as_soon_as_the_backlog_is_gone() -> None:
    (scaled,) = documents((FOLDER / "production" / "scaling.yaml").read_text())
    spec = scaled["spec"]
    assert spec["minReplicaCount"] > 0
    assert "cooldownPeriod" not in spec, "it counts only on the way to no worker at all"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 300
    horizontal = {  # what KEDA makes of it, which the cluster checks
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": scaled["metadata"],
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", **spec["scaleTargetRef"]},
            "minReplicas": spec["minReplicaCount"],
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        },
    }
    kubernetes_validate.validate(horizontal, KUBERNETES, strict=True)


def test_the_secret_that_the_document_makes_has_every_file_that_the_settings_name() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    command = re.search(r"create secret generic kyc-review --from-file.*?(?<!\\)\n", text, re.S)
    assert command is not None
    made = set(re.findall(r"--from-file=(\w+)", command[0]))
    settings = next(one["data"] for one in base() if one["kind"] == "ConfigMap")
    assert made == {Path(value).name for value in settings.values() if value.startswith("/secrets/")}


def test_production_knows_who_a_request_comes_from() -> None:
    """Behind an ingress every request has its address: locks by address would be for all people."""
    patches = yaml.safe_load((FOLDER / "production" / "kustomization.yaml").read_text())["patches"]
    (set_to,) = (
        operation["value"]
        for patch in patches
        for operation in yaml.safe_load(patch["patch"])
        if operation["path"] == "/data/TRUSTED_PROXIES"
    )
    # A placeholder (RFC 5737): a range of the cluster would let any pod pretend any address.
    assert IPv4Network(set_to).subnet_of(IPv4Network("192.0.2.0/24"))
