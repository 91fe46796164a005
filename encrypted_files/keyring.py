"""The keys with which a process without a database reads and writes encrypted files: `python -m ml`.

Who starts such a process writes a keyring file, which lists names and data keys and is itself encrypted with a key for
this one process, and passes its path and that key in the environment. No data key is on disk, nor in the arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from encrypted_files import stream

PATH_VARIABLE, KEY_VARIABLE = "KEYRING_FILE", "KEYRING_KEY"
NAME = "keyring"


@dataclass(frozen=True, slots=True)
class Keyring:
    """folders: files below a folder are called `<name>/<path in it>` and share a data key; files: single ones.

    Each maps a resolved path to (name, data key in hexadecimal).
    """

    folders: dict[str, tuple[str, str]] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)

    def find(self, path: Path) -> tuple[str, bytes] | None:
        """What the file at this path is called, and its data key; None when it has none."""
        path = path.resolve()
        if found := self.files.get(str(path)):
            return found[0], bytes.fromhex(found[1])
        for folder, (name, key) in self.folders.items():
            if path.is_relative_to(folder):
                return f"{name}/{path.relative_to(folder).as_posix()}", bytes.fromhex(key)
        return None

    def sealed(self, key: bytes) -> bytes:
        """The keyring file."""
        text = json.dumps({"folders": self.folders, "files": self.files})
        return stream.encrypt(text.encode(), key=key, name=NAME)


def environment(path: Path, key: bytes) -> Mapping[str, str]:
    """What tells a process where its keyring is."""
    return {PATH_VARIABLE: str(path), KEY_VARIABLE: key.hex()}


@cache
def _given() -> Keyring:
    """The keyring of this process; empty without one. Raises FileUnreadable."""
    path, key = os.environ.get(PATH_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not path or not key:
        return Keyring()
    found = json.loads(stream.decrypt(Path(path).read_bytes(), key=bytes.fromhex(key), name=NAME))
    return Keyring(
        {place: (name, key) for place, (name, key) in found["folders"].items()},
        {place: (name, key) for place, (name, key) in found["files"].items()},
    )


def process_key() -> bytes | None:
    """A key that only this process and those that share its keyring know; None without a keyring."""
    key = os.environ.get(KEY_VARIABLE)
    return bytes.fromhex(key) if key else None


def read_bytes(path: Path) -> bytes:
    """The content of a file, decrypted when it is encrypted. Raises FileUnreadable without its key, OSError."""
    content = path.read_bytes()
    if not stream.is_encrypted(content):
        return content
    found = _given().find(path)
    if found is None:
        raise stream.FileUnreadable(
            str(path), f"{path} is encrypted, and this process was given no key for it"
        )
    name, key = found
    return stream.decrypt(content, key=key, name=name)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a new file, encrypted when it lies in a folder of the keyring. Raises OSError."""
    if found := _given().find(path):
        content = stream.encrypt(content, key=found[1], name=found[0])
    path.write_bytes(content)
