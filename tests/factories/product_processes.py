"""The processes of the product, started as the image and the manifests for Kubernetes start them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import yaml
from django.db import connection

from devstack.paths import REPOSITORY
from tests.factories.databases import url_of
from tests.factories.processes import free_port, wait_for

MANIFESTS = REPOSITORY / "deploy" / "kubernetes" / "base"
READY_TIMEOUT_S = 120


def pod_of(name: str) -> dict[str, Any]:
    """The specification of the pods of a process."""
    for path in MANIFESTS.glob("*.yaml"):
        for one in yaml.safe_load_all(path.read_text()):
            if one and one["kind"] == "Deployment" and one["metadata"]["name"] == f"kyc-review-{name}":
                found: dict[str, Any] = one["spec"]["template"]["spec"]
                return found
    raise LookupError(name)


def command_of(name: str) -> list[str]:
    """Of the manifest, or of the image that web processes run."""
    if told := pod_of(name)["containers"][0].get("command"):
        return list(told)
    web = (REPOSITORY / "Dockerfile").read_text().partition(" AS web\n")[2]
    found = re.search(r"^CMD (\[.+\])$", web, re.MULTILINE)
    assert found
    return list(json.loads(found[1]))


@dataclass
class Processes:
    """What runs on the database, the broker and the folders of a test.

    environment: `{process}` in a value stands for the name of the process.
    """

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Of the web process."""
        return f"http://127.0.0.1:{self.port}"

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, *names: str) -> None:
        """All at once; returns when each of them is ready."""
        for name in names:
            program, *rest = command_of(name)
            rest = [part.replace("/tmp/", f"{self.folder}/") for part in rest]
            if name == "web":
                rest[rest.index("--host") + 1], rest[rest.index("--port") + 1] = "127.0.0.1", str(self.port)
            self.running[name] = subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *rest],
                cwd=REPOSITORY,
                env={key: text.replace("{process}", name) for key, text in self.environment.items()},
                stdout=(self.folder / f"{name}.log").open("wb"),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for name in names:
            wait_for(lambda name=name: self._is_ready(name), READY_TIMEOUT_S)  # type: ignore[misc]

    def _is_ready(self, name: str) -> bool:
        assert self.running[name].poll() is None, self.log(name)
        if name == "beat":
            return any(self.folder.glob("schedule*"))  # its database has the ending of its kind
        if name != "web":
            return " ready." in self.log(name)
        try:
            urlopen(f"{self.address}/livez", timeout=2).close()
        except OSError:
            return False
        return True

    def terminate(self, name: str) -> Callable[[], float]:
        """SIGTERM, as a cluster sends it. The result waits for the end, and says how many seconds it took."""
        process, began = self.running[name], time.monotonic()
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)

        def ended() -> float:
            assert process.wait(pod_of(name)["terminationGracePeriodSeconds"]) == 0, self.log(name)
            assert psutil.wait_procs(family, timeout=5)[1] == [], "its children live on"
            return time.monotonic() - began

        return ended


@contextmanager
def processes_in(folder: Path, **variables: str) -> Iterator[Processes]:
    """variables: further ones of their environment. All are killed in the end."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "kyc_review.settings",
        "DATABASE_URL": url_of(connection.settings_dict["NAME"]),
        "DATA_DIR": str(folder),
        "SCORING_THREADS": "1",
        **variables,
    }
    made = Processes(folder, environment)
    try:
        yield made
    finally:
        for process in made.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
