"""The settings that the stack passes to its processes, and to manage.py while it runs."""

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.paths import StackPaths, default_state_dir
from kyc_review.core.files import write_private

if TYPE_CHECKING:  # a container without the embedded stack still reads this module
    from devstack.services import Urls


# What the stack was started with holds for manage.py in every other terminal, too.
CARRIED = ("COMMAND_LINE_PROMOTION", "FILE_STORAGE", "OBJECT_STORAGE_")


def variables(paths: StackPaths, urls: "Urls", port: int) -> dict[str, str]:
    """What a process of this stack adds to its environment; what the caller has set wins where it is a preference."""
    carried = {name: text for name, text in os.environ.items() if name.startswith(CARRIED)}
    return (
        urls.environment
        | carried
        | {
            "DATA_DIR": str(paths.root),
            "STATIC_ROOT": str(paths.static),
            "HTTPS": os.environ.get("HTTPS", "false"),  # loopback only
            "PUBLIC_URL": os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{port}"),
            # A receiver on this machine, to try webhooks with.
            "WEBHOOK_ALLOWED_HOSTS": os.environ.get("WEBHOOK_ALLOWED_HOSTS", "127.0.0.1,localhost"),
            # Its people sign in with a password alone; a bank's approvers need a second factor.
            "APPROVER_SECOND_FACTOR": os.environ.get("APPROVER_SECOND_FACTOR", "false"),
            "REQUIRE_SECOND_FACTOR": os.environ.get("REQUIRE_SECOND_FACTOR", ""),
            # E-mails of notices are printed into the log of the default worker.
            "EMAIL_URL": os.environ.get("EMAIL_URL", "consolemail://"),
            "NOTICE_EMAIL_DOMAINS": os.environ.get("NOTICE_EMAIL_DOMAINS", "*"),
            "KEY_ENCRYPTION": os.environ.get("KEY_ENCRYPTION", "true"),
            "KEY_ENCRYPTION_KEY_FILE": os.environ.get("KEY_ENCRYPTION_KEY_FILE", str(paths.key_file)),
            "PROMETHEUS_MULTIPROC_DIR": str(paths.metrics),
            "LOG_FORMAT": os.environ.get("LOG_FORMAT", "text"),
            "PYTHONUNBUFFERED": "1",
        }
    )


def unread_settings(folder: Path) -> str:
    """What to say about a `.env` of docker compose in the folder, which may name a production database; else empty."""
    if not (folder / ".env").exists():
        return ""
    return ".env is read by docker compose only; settings of this stack come from the environment: NAME=value make demo"


def write(paths: StackPaths, values: dict[str, str]) -> None:
    write_private(paths.env_file, "".join(f"{name}={text}\n" for name, text in values.items()))


def remove(paths: StackPaths) -> None:
    paths.env_file.unlink(missing_ok=True)


def adopt(environ: MutableMapping[str, str], file: Path | None = None) -> None:
    """For manage.py: use the running stack, unless the environment names a database itself."""
    file = file or default_state_dir() / "stack.env"
    if "DATABASE_URL" in environ or not file.exists():
        return
    for line in file.read_text().splitlines():
        name, _, text = line.partition("=")
        environ.setdefault(name, text)
