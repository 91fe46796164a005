"""The product's own processes, as the stack runs them on one machine."""

import http.client
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.paths import REPOSITORY, StackPaths
from devstack.process import ProcessSpec

# Celery warns root users at each start.
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
LOOPBACK = "127.0.0.1"
WORKERS_RANK, WEB_RANK, COMMAND_RANK = 2, 3, 4


def management_command(
    paths: StackPaths, environment: Mapping[str, str], name: str, *arguments: str, relayed: bool = True
) -> ProcessSpec:
    """`manage.py NAME ARGUMENTS`, run once. Not relayed: it speaks to our console itself."""
    return ProcessSpec(
        name=name,
        command=(sys.executable, str(REPOSITORY / "manage.py"), name, *arguments),
        rank=COMMAND_RANK,
        environment=environment,
        folder=REPOSITORY,
        log=paths.logs / f"{name}.log" if relayed else None,
        relayed=relayed,
    )


def product_processes(paths: StackPaths, environment: Mapping[str, str], port: int) -> list[ProcessSpec]:
    """Four Celery workers, the clock and the web server. None forks: nothing can outlive its parent."""
    return [
        _celery(paths, environment, "scoring", "-Q scoring --pool=solo", *_worker("scoring")),
        _celery(
            paths, environment, "default", "-Q default --pool=threads --concurrency=3", *_worker("default")
        ),
        _celery(
            paths,
            environment,
            "training",
            "-Q training --pool=threads --concurrency=1",
            *_worker("training"),
        ),
        # Solo: a native library that crashes takes this process and no other.
        _celery(paths, environment, "evidence", "-Q evidence --pool=solo", *_worker("evidence")),
        _celery(paths, environment, "beat", "--pidfile=", "--schedule", str(paths.beat / "schedule")),
        _web(paths, environment, port),
    ]


def _worker(name: str) -> tuple[str, ...]:
    """No chatter between workers: there is one of each and the database knows who holds what."""
    return ("-n", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat")


def _lower_priority() -> tuple[str, ...]:
    """Verdicts come first, but a reviewer waits for the evidence of the item that is open.

    Not SCHED_IDLE: where a training or another program keeps all cores busy, that computes a twentieth of it
    (docs/evidence.md). The worker itself waits while selfies wait for their votes (EVIDENCE_PATIENCE_S).
    """
    nice = shutil.which("nice")
    return (nice, "-n", "10") if nice else ()


def _celery(
    paths: StackPaths, environment: Mapping[str, str], name: str, options: str, *more: str
) -> ProcessSpec:
    kind = "beat" if name == "beat" else "worker"
    celery = (sys.executable, "-W", ROOT_WARNING, "-m", "celery", "-q", "-A", "kyc_review")
    return ProcessSpec(
        name=name,
        command=(
            *(_lower_priority() if name == "evidence" else ()),
            *celery,
            kind,
            "--loglevel=INFO",
            *options.split(),
            *more,
        ),
        rank=WORKERS_RANK,
        # Without a supervisor Valkey ends at the same moment, and a polite worker would wait for its return.
        death_signal=signal.SIGKILL,
        environment=environment,
        folder=REPOSITORY,
        log=paths.logs / f"{name}.log",
        relayed=True,
        ready_line="" if name in ("beat", "evidence") else " ready.",
    )


def _web(paths: StackPaths, environment: Mapping[str, str], port: int) -> ProcessSpec:
    """One worker with sixteen threads.

    `?wait=` may hold eight (API_WAITERS_MAX), uploads of very large pictures five (DECODER_PROCESSES and a quarter of
    DECODER_WAITERS_MAX); three remain for everything else.
    """
    options = ("--interface", "wsgi", "--host", LOOPBACK, "--port", str(port), "--workers", "1")
    threads = ("--blocking-threads", "16", "--runtime-threads", "1", "--no-ws")
    manners = ("--respawn-failed-workers", "--workers-kill-timeout", "5")
    granian = str(Path(sys.executable).with_name("granian"))
    return ProcessSpec(
        name="web",
        command=(sys.executable, granian, *options, *threads, *manners, "devstack.web:application"),
        rank=WEB_RANK,
        death_signal=signal.SIGKILL,  # its worker goes with it (devstack/web.py)
        environment=environment,
        folder=REPOSITORY,
        log=paths.logs / "web.log",
        relayed=True,
        is_ready=lambda: answers(port, "/livez"),
    )


def answers(port: int, path: str) -> bool:
    """Whether a server on this machine answers the path with 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
