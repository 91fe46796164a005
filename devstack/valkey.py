"""A Valkey of our own, on loopback with a password, that keeps every message across restarts."""

import signal
from dataclasses import dataclass

import redis

from devstack import binaries, credentials
from devstack.paths import StackPaths
from devstack.process import ProcessSpec
from devstack.progress import Say
from kyc_review.core.files import write_private


@dataclass(frozen=True)
class Valkey:
    process: ProcessSpec
    binary: binaries.Binary
    port: int
    secrets: credentials.Credentials

    @property
    def url(self) -> str:
        return f"redis://:{self.secrets.valkey}@127.0.0.1:{self.port}/0"


def prepare(paths: StackPaths, secrets: credentials.Credentials, *, durable: bool, say: Say) -> Valkey:
    binary = binaries.valkey()
    port = credentials.port(paths, "valkey")
    configuration = paths.valkey / "valkey.conf"
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": secrets.valkey,  # in a private file: command lines are public
        "dir": f'"{paths.valkey}"',
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": '""',
        # A broker must refuse when it is full; forgetting silently would lose work until the next sweep.
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "daemonize": "no",
    }
    text = "".join(f"{name} {setting}\n" for name, setting in settings.items())
    write_private(configuration, text)
    process = ProcessSpec(
        name="valkey",
        command=(str(binary.path), str(configuration)),
        rank=1,
        stop_signal=signal.SIGTERM,
        log=paths.logs / "valkey.log",
        is_ready=lambda: _answers(port, secrets.valkey),
    )
    say(f"Valkey {binary}")
    return Valkey(process, binary, port, secrets)


def _answers(port: int, password: str) -> bool:
    client = redis.Redis(host="127.0.0.1", port=port, password=password, socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
        return False
    finally:
        client.close()
