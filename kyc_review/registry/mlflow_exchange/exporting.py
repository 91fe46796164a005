"""A bundle as a version of a model in MLflow: its files as artifacts, never a pickle, with metrics, params and tags."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.registry.bundle_files import bundle_check, bundle_folder, file_names
from kyc_review.registry.mlflow_exchange.client import ARTIFACTS, DIGEST_TAG, Registry, registry_at
from kyc_review.registry.models import Bundle, ModelRecord
from kyc_review.registry.states import BundleState, bundle_states_unchecked

EXPERIMENT = "kyc-review"
PARAM_MAX = 500  # characters that every server of MLflow takes
PARAMS_AT_ONCE = 100
ALIASES = {
    BundleState.CHAMPION: "champion",
    BundleState.SHADOW: "candidate",
    BundleState.CANDIDATE: "candidate",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """The version that holds the bundle; is_new: it was made now."""

    name: str
    version: str
    alias: str
    is_new: bool


def mlflow_export(*, bundle: Bundle, uri: str, name: str, actor: Any = None) -> Exported:
    """Put the bundle into the registered model `name`; again, it only moves the aliases and rewrites the tags.

    Its files are hashed first. Raises PermissionDenied, BundleRefused, MlflowRefused, OSError.
    """
    require_of_actor(actor, Right.PROMOTE)
    bundle_check(bundle)
    state = bundle_states_unchecked().get(bundle.pk, BundleState.CANDIDATE)
    with registry_at(uri, name) as registry:
        version = _existing(registry, bundle, name)
        is_new = version is None
        if version is None:
            version = _create(registry, bundle, name)
        for key, value in _tags(bundle, state).items():
            registry.client.set_model_version_tag(name, version, key, value)
        alias = _alias(registry, name, version, state)
        place = registry.place
    audit.record(
        action="bundle.exported",
        actor=actor,
        target=bundle,
        detail={"digest": bundle.digest, "registry": place, "name": name, "version": version},
    )
    return Exported(name, version, alias, is_new)


def _existing(registry: Registry, bundle: Bundle, name: str) -> str | None:
    """The version that holds this bundle already."""
    token = None
    while True:
        page = registry.client.search_model_versions(f"name='{name}'", max_results=100, page_token=token)
        for row in page:
            if row.tags.get(DIGEST_TAG) == bundle.digest:
                return str(row.version)
        if not (token := page.token):
            return None


def _create(registry: Registry, bundle: Bundle, name: str) -> str:
    """A run with metrics, params and files, and a version that points to it; the run fails if anything does."""
    client = registry.client
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment_id, run_name=bundle.version, tags={DIGEST_TAG: bundle.digest})
    try:
        _log(client, run.info.run_id, bundle)
        with bundle_folder(bundle) as folder:
            for file in file_names(bundle):
                client.log_artifact(run.info.run_id, str(folder / file), ARTIFACTS)
        if not any(row.name == name for row in client.search_registered_models(f"name='{name}'")):
            client.create_registered_model(name)
        version = client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/{ARTIFACTS}",
            run_id=run.info.run_id,
            tags={DIGEST_TAG: bundle.digest},
            description=f"{bundle.version}, bundle {bundle.digest}. Files: safetensors, manifest and model card.",
        )
    except BaseException:
        client.set_terminated(run.info.run_id, status="FAILED")
        raise
    client.set_terminated(run.info.run_id)
    return str(version.version)


def _log(client: Any, run_id: str, bundle: Bundle) -> None:
    """Numbers of the metrics as metrics; texts and numbers of the provenance as params."""
    from mlflow.entities import Metric, Param

    at_ms = int(bundle.registered_at.timestamp() * 1000)
    metrics = [
        Metric(path, float(value), at_ms, 0)
        for path, value in _leaves(bundle.metrics)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    params = [Param(path, str(value)[:PARAM_MAX]) for path, value in _leaves(bundle.provenance)]
    for start in range(0, len(metrics), PARAMS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + PARAMS_AT_ONCE])
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, text, number or boolean) of nested facts; MLflow's keys have letters, digits and `_-./ `."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}/{_key(str(key))}" if path else _key(str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}/{number}")
    elif value is not None and path and len(path) <= 250:
        yield path, value


def _key(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. ") else "_" for c in text) or "_"


def _tags(bundle: Bundle, state: BundleState) -> dict[str, str]:
    """What the bank's inventory says, and what the bundle is now."""
    record = ModelRecord.objects.filter(bundle=bundle).first()
    day = record.next_review_on.isoformat() if record and record.next_review_on else ""
    return {
        DIGEST_TAG: bundle.digest,
        "kyc_review.version": bundle.version,
        "kyc_review.source": bundle.source,
        "kyc_review.state": state.value,
        "kyc_review.owner": record.owner if record else "",
        "kyc_review.purpose": record.purpose if record else "",
        "kyc_review.next_review": day,
        "kyc_review.tags": " ".join(record.tags) if record else "",
    }


def _alias(registry: Registry, name: str, version: str, state: BundleState) -> str:
    """`champion` or `candidate`; a version that is no longer one of them loses its alias."""
    wanted = ALIASES.get(state, "")
    held = registry.client.get_registered_model(name).aliases
    for alias in set(ALIASES.values()) - {wanted}:
        if str(held.get(alias, "")) == version:
            registry.client.delete_registered_model_alias(name, alias)
    if wanted:
        registry.client.set_registered_model_alias(name, wanted, version)
    return wanted
