"""A Valkey of our own, on loopback with a password, that keeps every message across restarts."""

import signal
from dataclasses import dataclass

import redis

from kyc_review.stack import binaries, credentials
from kyc_review.stack.places import Places
from kyc_review.stack.program import Program
from kyc_review.stack.progress import Say


@dataclass(frozen=True)
class Valkey:
    program: Program
    binary: binaries.Binary
    port: int
    secrets: credentials.Credentials

    @property
    def url(self) -> str:
        return f"redis://:{self.secrets.valkey}@127.0.0.1:{self.port}/0"


def prepare(places: Places, secrets: credentials.Credentials, *, durable: bool, say: Say) -> Valkey:
    binary = binaries.valkey()
    port = credentials.port(places, "valkey")
    configuration = places.valkey / "valkey.conf"
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": secrets.valkey,  # in a private file: command lines are public
        "dir": f'"{places.valkey}"',
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": '""',
        # A broker must refuse when it is full; forgetting silently would lose work until the next sweep.
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "daemonize": "no",
    }
    text = "".join(f"{name} {setting}\n" for name, setting in settings.items())
    credentials.write_private(configuration, text)
    program = Program(
        name="valkey",
        command=(str(binary.path), str(configuration)),
        rank=1,
        stop_signal=signal.SIGTERM,
        log=places.logs / "valkey.log",
        is_ready=lambda: _answers(port, secrets.valkey),
    )
    say(f"Valkey {binary}")
    return Valkey(program, binary, port, secrets)


def _answers(port: int, password: str) -> bool:
    client = redis.Redis(host="127.0.0.1", port=port, password=password, socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
        return False
    finally:
        client.close()
