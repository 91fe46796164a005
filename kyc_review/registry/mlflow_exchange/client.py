"""The client of MLflow, which only servers with the extra `mlflow` have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kyc_review.core.errors import DomainError

DIGEST_TAG = "kyc_review.digest"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}")  # of a registered model, as it can be searched for
ARTIFACTS = "bundle"  # folder of a run's artifacts that holds the files


class MlflowRefused(DomainError):
    """MLflow is missing, does not answer, or holds something that is no bundle; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry of MLflow at an address; credentials come from MLflow's own variables of the environment."""

    uri: str
    client: Any  # mlflow.MlflowClient
    artifacts: Any  # the module mlflow.artifacts

    @property
    def place(self) -> str:
        """The address without a user name or password, for the audit log."""
        parts = urlsplit(self.uri)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def registry_at(uri: str, name: str) -> Iterator[Registry]:
    """The registry at this address, to use for the registered model `name`; nothing is sent before a call.

    Raises MlflowRefused without the package, for an address or name that it does not take, and for what it refuses
    inside.
    """
    if not NAME.fullmatch(name):
        raise MlflowRefused(
            "The name of a registered model has up to 100 letters, digits, spaces, `_`, `.` and `-`."
        )
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when it is imported
    # A registry may be a folder, for a machine without a server; MLflow refuses that unless it is asked for.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        import mlflow.artifacts
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise MlflowRefused(
            "This needs the package mlflow-skinny, which this server does not have. Install the extra `mlflow` of "
            "pyproject.toml."
        ) from error
    try:
        yield Registry(uri, MlflowClient(tracking_uri=uri, registry_uri=uri), mlflow.artifacts)
    except MlflowException as error:
        raise MlflowRefused(f"MLflow: {error.message}") from error
