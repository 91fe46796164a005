"""The account that Postgres runs under: ours, or an unprivileged one when we are root, which Postgres refuses."""

import hashlib
import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackRefused
from devstack.paths import StackPaths

DIGITS = 12
DIGEST = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
SHARED_PLACES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - each is checked to be root's own


@dataclass(frozen=True)
class OsUser:
    name: str
    uid: int
    gid: int


def postgres_user() -> OsUser | None:
    """None: run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(name, entry.pw_uid, entry.pw_gid)
    raise StackRefused(
        "Postgres refuses to run as root and there is no account `postgres` or `nobody`: "
        "run as an ordinary user, or set DATABASE_URL to a database of your own"
    )


def may_enter(path: Path, account: OsUser) -> bool:
    """Whether `account` can pass every folder down to `path`, and enter or execute `path` itself."""
    return all(_may_execute(step, account) for step in (path, *path.parents))


def _may_execute(step: Path, account: OsUser) -> bool:
    facts = step.stat()
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & 0o100)
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & 0o010)
    return bool(facts.st_mode & 0o001)


def shared_home() -> Path:
    """A folder of root's that every account may pass: for a checkout in /root, which none may."""
    for place in SHARED_PLACES:
        home = place / "kyc-review"
        try:
            home.mkdir(mode=0o711, exist_ok=True)
        except OSError:
            continue
        facts = home.lstat()
        if home.is_symlink() or facts.st_uid != 0 or facts.st_mode & 0o022:
            continue  # somebody else made it: not ours to trust
        home.chmod(0o711)
        return home
    raise StackRefused(
        f"no folder in {', '.join(map(str, SHARED_PLACES))} can hold Postgres's data: "
        "run as an ordinary user, or set DATABASE_URL to a database of your own"
    )


def postgres_elsewhere(paths: StackPaths) -> Path | None:
    """The data directory in shared_home() that the pointer names. None without one, and for a text that `postgres_home`
    never writes: what lies there may be deleted."""
    try:
        found = Path(paths.postgres_pointer.read_text().strip())
    except FileNotFoundError:
        return None
    homes = [place / "kyc-review" for place in SHARED_PLACES]
    is_ours = (
        found.name == "postgres" and found.parent.parent in homes and DIGEST.fullmatch(found.parent.name)
    )
    return found if is_ours else None


def postgres_home(paths: StackPaths, account: OsUser | None) -> Path:
    """The data directory: below the state directory where the account can reach it, else in shared_home()."""
    if (known := postgres_elsewhere(paths)) is not None:
        return known
    inside = paths.root / "postgres"
    if account is None or may_enter(paths.root, account):
        return inside
    outside = shared_home() / hashlib.sha256(str(paths.root).encode()).hexdigest()[:DIGITS] / "postgres"
    outside.parent.mkdir(mode=0o711, exist_ok=True)
    outside.parent.chmod(0o711)
    written = paths.postgres_pointer.with_suffix(".part")
    written.write_text(f"{outside}\n")
    written.rename(paths.postgres_pointer)  # a full disk leaves no half of it
    return outside
