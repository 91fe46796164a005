"""Where the stack keeps its state: by default `.local/` next to manage.py."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackRefused

REPOSITORY = Path(__file__).resolve().parents[1]
# initdb takes 60 MB, a minute of work some more; Postgres must never meet the last byte.
FREE_BYTES_NEEDED = 500_000_000


@dataclass(frozen=True)
class StackPaths:
    """Paths below one state directory. Two stacks with different state directories never touch each other."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def beat(self) -> Path:
        return self.root / "beat"

    @property
    def metrics(self) -> Path:
        """What the processes of the running stack count; emptied at each start."""
        return self.root / "metrics"

    @property
    def static(self) -> Path:
        """Empty: WhiteNoise serves from the sources here, and warns where the folder for collected files is missing."""
        return self.root / "static"

    @property
    def lock(self) -> Path:
        return self.root / "stack.lock"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def key_file(self) -> Path:
        """The key that encrypts pictures: outside of `root`, so that `root` alone shows no face."""
        return self.root.with_name(f"{self.root.name}.keys") / "keys"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def env_file(self) -> Path:
        return self.root / "stack.env"

    @property
    def postgres_pointer(self) -> Path:
        """Names the Postgres data directory where it cannot lie below `root` (see postgres_home)."""
        return self.root / "postgres.path"


def default_state_dir() -> Path:
    """$DATA_DIR as settings.DATA_DIR reads it, else `.local/` next to manage.py."""
    return Path(os.environ.get("DATA_DIR") or REPOSITORY / ".local").resolve()


def _make_private(paths: StackPaths) -> None:
    """What an earlier version made for all to read. Below a private folder no one reaches anything."""
    for folder in (paths.metrics, paths.root / "derivatives"):
        if folder.is_dir():
            folder.chmod(0o700)
    for file in (*paths.logs.iterdir(), *paths.valkey.iterdir()):
        if file.is_file() and not file.is_symlink():
            with suppress(FileNotFoundError):  # Valkey replaces its own while it runs
                file.chmod(0o600)


def prepare_state_dir(state_dir: Path) -> StackPaths:
    """Make the state directory, private to this user but passable, so that Postgres may run under another account."""
    paths = StackPaths(state_dir.resolve())
    try:
        for folder in (paths.root, paths.logs, paths.valkey, paths.beat, paths.static):
            folder.mkdir(parents=True, exist_ok=True)
        paths.root.chmod(0o711)
        for folder in (paths.logs, paths.valkey, paths.beat, paths.static):
            folder.chmod(0o700)
        _make_private(paths)
    except PermissionError as refused:
        raise StackRefused(
            f"{refused.filename} belongs to another user: run as that user, or choose another folder with DATA_DIR"
        ) from refused
    free = shutil.disk_usage(paths.root).free
    if free < FREE_BYTES_NEEDED:
        raise StackRefused(
            f"the disk of {paths.root} has {free // 1_000_000} MB free and the stack needs "
            f"{FREE_BYTES_NEEDED // 1_000_000}: free some space, or choose another folder with DATA_DIR"
        )
    return paths
