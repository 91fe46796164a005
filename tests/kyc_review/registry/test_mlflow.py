"""Bundles to and from a real registry of MLflow, in a folder."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from detection import bundle as disk
from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.inventory import record_change
from kyc_review.registry.mlflow_exchange.client import MlflowRefused
from kyc_review.registry.mlflow_exchange.exporting import mlflow_export
from kyc_review.registry.mlflow_exchange.importing import files_at_most, has_reached, mlflow_import
from kyc_review.registry.models import Bundle
from tests.factories.storages import storage_move

mlflow = pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
pytestmark = pytest.mark.django_db


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlflow").as_uri()


@pytest.fixture
def client(uri: str) -> Any:
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """elsewhere() makes this an installation that has none of the bundles' files."""

    def forget() -> None:
        storage_move(monkeypatch, "bundles", tmp_path / "elsewhere")

    return forget


def files_of(uri: str, source: str) -> list[str]:
    return sorted(
        Path(row.path).name for row in mlflow.artifacts.list_artifacts(artifact_uri=source, tracking_uri=uri)
    )


def test_a_bundle_is_exported_with_metrics_params_tags_and_alias_and_without_a_pickle(
    serving: Bundle, uri: str, client: Any, staff: Callable[..., User]
) -> None:
    record_change(
        bundle=serving,
        actor=staff("ada", "admin"),
        owner="Fraud models",
        purpose="Selfies.",
        next_review_on=timezone.localdate() + timedelta(days=30),
        tags=["pilot"],
    )
    done = mlflow_export(bundle=serving, uri=uri, name="faces")
    assert (done.version, done.alias, done.is_new) == ("1", "champion", True)
    row = client.get_model_version_by_alias("faces", "champion")
    assert row.tags["kyc_review.digest"] == serving.digest
    assert (row.tags["kyc_review.owner"], row.tags["kyc_review.tags"]) == ("Fraud models", "pilot")
    run = client.get_run(row.run_id)
    assert (run.info.status, run.data.metrics, run.data.params) == (
        "FINISHED",
        {"auc": 0.75},
        {"data": "none"},
    )
    held = files_of(uri, row.source)
    assert held == sorted(path.name for path in serving.directory.iterdir())
    assert all(name.endswith((".safetensors", ".json", ".md")) for name in held)
    assert Event.objects.get(action="bundle.exported").detail["version"] == "1"


def test_a_second_export_makes_no_second_version_and_aliases_follow_production(
    serving: Bundle, candidate: Bundle, uri: str, client: Any
) -> None:
    for bundle in (serving, candidate, candidate):
        last = mlflow_export(bundle=bundle, uri=uri, name="faces")
    assert (last.version, last.alias, last.is_new) == ("2", "candidate", False)
    bundle_promote(bundle=candidate, actor=None)
    for bundle in (serving, candidate):
        mlflow_export(bundle=bundle, uri=uri, name="faces")
    assert {k: str(v) for k, v in client.get_registered_model("faces").aliases.items()} == {"champion": "2"}
    assert client.get_model_version("faces", "1").tags["kyc_review.state"] == "former"
    assert len(client.search_model_versions("name='faces'")) == 2


def test_an_imported_bundle_is_the_exported_one_and_is_called_imported(
    serving: Bundle, uri: str, elsewhere: Callable[[], None]
) -> None:
    out = io.StringIO()
    call_command("registry", "mlflow-export", serving.digest[:12], "--uri", uri, stdout=out)
    assert "as version 1 of kyc-review, alias champion" in out.getvalue()
    assert mlflow_import(uri=uri, name="kyc-review", version="1") == serving
    elsewhere()
    candidate = Bundle(digest="0" * 64)
    with pytest.raises(OSError, match="manifest"):
        (candidate.directory / "manifest.json").read_text()
    row = mlflow_import(uri=uri, name="kyc-review", alias="champion")
    assert (row.pk, (row.directory / "manifest.json").is_file()) == (serving.pk, True)
    assert Event.objects.filter(action="bundle.imported").count() == 2


@pytest.fixture
def foreign(client: Any, uri: str, tmp_path: Path) -> Callable[..., None]:
    """foreign(folder, tag) makes version 1 of "other" from a folder, as another tool would."""

    def make(folder: Path, tag: str = "") -> None:
        run = client.create_run(client.create_experiment("other"))
        client.log_artifacts(run.info.run_id, str(folder), "model")
        client.create_registered_model("other")
        client.create_model_version(
            "other",
            source=f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            tags={"kyc_review.digest": tag} if tag else {},
        )

    return make


def test_a_bundle_of_another_tool_is_registered_as_imported(
    made_bundle: Callable[..., Path], foreign: Callable[..., None], uri: str
) -> None:
    folder = made_bundle("v9")
    foreign(folder)
    command = ["registry", "mlflow-import", "other", "--version", "1", "--uri", uri]
    with pytest.raises(CommandError, match="--digest"):
        call_command(*command)
    with pytest.raises(CommandError, match="stated to be bundle eeeeeeeeeeee"):
        call_command(*command, "--digest", "e" * 64)
    assert not Bundle.objects.exists()
    call_command(*command, "--digest", disk.read(folder).digest, stdout=io.StringIO())
    assert (Bundle.objects.get().version, Bundle.objects.get().source) == ("v9", Bundle.Source.IMPORTED)


def test_pickles_changed_files_and_wrong_digests_are_refused(
    made_bundle: Callable[..., Path], foreign: Callable[..., None], uri: str, client: Any
) -> None:
    folder = made_bundle("v9")
    digest = disk.read(folder).digest
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n")
    foreign(folder)
    with pytest.raises(MlflowRefused, match=r"It holds model\.pkl"):
        mlflow_import(uri=uri, name="other", version="1", digest=digest)
    client.delete_registered_model("other")
    client.rename_experiment(client.get_experiment_by_name("other").experiment_id, "first")
    (folder / "model.pkl").unlink()
    foreign(folder, tag="f" * 64)
    with pytest.raises(MlflowRefused, match="stated to be bundle ffffffffffff"):
        mlflow_import(uri=uri, name="other", version="1")
    client.delete_registered_model("other")
    client.rename_experiment(client.get_experiment_by_name("other").experiment_id, "second")
    (folder / "one.safetensors").write_text("changed")
    foreign(folder)
    with pytest.raises(BundleRefused, match=r"one\.safetensors"):
        mlflow_import(uri=uri, name="other", version="1", digest=digest)
    assert not Bundle.objects.exists()
    with pytest.raises(CommandError, match="not found"):
        call_command("registry", "mlflow-import", "nothing", "--version", "1", "--uri", uri)


@pytest.mark.parametrize(("stated", "said"), [(None, "states no size"), (1, "the server stated 1")])
def test_files_without_a_size_or_with_another_than_stated_are_refused(
    made_bundle: Callable[..., Path],
    foreign: Callable[..., None],
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    stated: int | None,
    said: str,
) -> None:
    folder = made_bundle("v9")
    foreign(folder, tag=disk.read(folder).digest)
    listed = mlflow.artifacts.list_artifacts

    def lying(**asked: Any) -> list[Any]:
        return [type(row)(row.path, row.is_dir, stated) for row in listed(**asked)]

    monkeypatch.setattr(mlflow.artifacts, "list_artifacts", lying)
    with pytest.raises(MlflowRefused, match=said):
        mlflow_import(uri=uri, name="other", version="1")
    assert not Bundle.objects.exists()


def test_a_download_cannot_grow_beyond_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with files_at_most(1000), pytest.raises(OSError, match="too large"):
        file.write_bytes(bytes(2000))
    assert file.stat().st_size == 1000
    assert has_reached(tmp_path, 999)
    file.write_bytes(bytes(2000))  # the limit is gone
