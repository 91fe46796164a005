"""Generated secrets and remembered ports of one state directory."""

import json
import secrets
import socket
from dataclasses import asdict, dataclass

from devstack.paths import StackPaths
from kyc_review.core.files import write_private


@dataclass(frozen=True)
class Credentials:
    """Made once per state directory and kept in a file that only its owner reads (0600)."""

    secret_key: str
    postgres_superuser: str
    postgres: str
    postgres_owner: str
    valkey: str
    # Travels in the environment of every process of this stack, so that a later start recognises its orphans.
    token: str


def credentials(paths: StackPaths) -> Credentials:
    if paths.secrets.exists():
        kept = json.loads(paths.secrets.read_text())
        if "postgres_owner" not in kept:  # made by an earlier version
            kept["postgres_owner"] = secrets.token_urlsafe(24)
            write_private(paths.secrets, json.dumps(kept, indent=1))
        return Credentials(**kept)
    made = Credentials(
        secret_key=secrets.token_urlsafe(50),
        postgres_superuser=secrets.token_urlsafe(24),
        postgres=secrets.token_urlsafe(24),
        postgres_owner=secrets.token_urlsafe(24),
        valkey=secrets.token_urlsafe(24),
        token=secrets.token_hex(16),
    )
    write_private(paths.secrets, json.dumps(asdict(made), indent=1))
    return made


def port(paths: StackPaths, name: str) -> int:
    """The port that `name` had last time when it is still free, else a free one, remembered for the next time."""
    remembered = json.loads(paths.ports.read_text()) if paths.ports.exists() else {}
    chosen = remembered.get(name)
    if chosen is None or not is_free(chosen):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            chosen = probe.getsockname()[1]
        write_private(paths.ports, json.dumps(remembered | {name: chosen}))
    return int(chosen)


def is_free(number: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now; a port in TIME_WAIT counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True
