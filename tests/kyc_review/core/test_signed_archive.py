"""An archive whose signature, sums or list of files no longer fit is refused, and the text says which file."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kyc_review.core.signed_archive import (
    KEY,
    SIGNATURE,
    SUMS,
    ArchiveInvalid,
    archive_verify,
    archive_write,
    fingerprint,
    main,
    public_pem,
)

PARTS = {"one.json": b"{}", "folder/two.txt": b"a" * 3_000_000}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def archive(tmp_path: Path, key: Ed25519PrivateKey) -> Path:
    path = tmp_path / "pack.zip"
    with path.open("wb") as file:
        archive_write(
            file, ((name, [content[:1000], content[1000:]]) for name, content in PARTS.items()), key
        )
    return path


def changed(archive: Path, change: dict[str, bytes | None]) -> Path:
    """A copy with other content of some files; None leaves one out."""
    with zipfile.ZipFile(archive) as source:
        content: dict[str, bytes | None] = {name: source.read(name) for name in source.namelist()}
    other = archive.with_name("changed.zip")
    with zipfile.ZipFile(other, "w") as target:
        for name, data in (content | change).items():
            if data is not None:
                target.writestr(name, data)
    return other


def test_an_untouched_archive_is_valid_with_the_known_key_only(archive: Path, key: Ed25519PrivateKey) -> None:
    found = archive_verify(archive)
    assert (found.files, found.fingerprint, found.is_trusted) == (2, fingerprint(key.public_key()), False)
    assert archive_verify(archive, public_pem(key.public_key())).is_trusted
    with pytest.raises(ArchiveInvalid, match="another key"):
        archive_verify(archive, public_pem(Ed25519PrivateKey.generate().public_key()))


def test_the_same_content_is_the_same_archive(archive: Path, key: Ed25519PrivateKey) -> None:
    again = io.BytesIO()
    archive_write(again, ((name, [content]) for name, content in PARTS.items()), key)
    assert again.getvalue() == archive.read_bytes()


def damaged(archive: Path, kind: str) -> bytes:
    content = archive.read_bytes()
    first = content.index(b"PK\x01\x02")  # the list of entries
    if kind == "encrypted":
        return content[:6] + b"\x01" + content[7 : first + 8] + b"\x01" + content[first + 9 :]
    if kind == "prepended":
        return b"#!/bin/sh\n" + content
    if kind == "comment":
        return content[:-2] + b"\x04\x00note"
    method = {"bz2": 12, "lzma": 14, "unknown": 99}[kind]
    return content[:8] + bytes([method]) + content[9 : first + 10] + bytes([method]) + content[first + 11 :]


@pytest.mark.parametrize("kind", ["encrypted", "prepended", "comment", "bz2", "lzma", "unknown"])
def test_an_archive_of_another_kind_is_not_valid_and_no_crash(
    archive: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.write_bytes(damaged(archive, kind))
    assert main([str(archive)]) == 1
    assert capsys.readouterr().err.startswith("NOT VALID")


def test_text_behind_the_key_is_found(archive: Path, key: Ed25519PrivateKey) -> None:
    other = changed(archive, {KEY: public_pem(key.public_key()) + b"Trust me.\n"})
    with pytest.raises(ArchiveInvalid, match="more than the key"):
        archive_verify(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"one.json": b"{ }"}, "one.json was changed"),
        ({"folder/two.txt": None}, "folder/two.txt"),
        ({"three.txt": b"new"}, "three.txt"),
        ({SUMS: b""}, "signature"),
        ({SIGNATURE: bytes(64)}, "signature"),
        ({SIGNATURE: None}, f"{SIGNATURE} is missing"),
        ({KEY: b"no key"}, "cannot be read"),
    ],
)
def test_every_change_is_found(archive: Path, change: dict[str, bytes | None], said: str) -> None:
    with pytest.raises(ArchiveInvalid, match=said):
        archive_verify(changed(archive, change))


def test_a_forger_with_a_key_of_their_own_is_found_by_the_banks_key(
    archive: Path, key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.zip"
    with forged.open("wb") as file:
        archive_write(file, [("one.json", [b"{}"])], Ed25519PrivateKey.generate())
    assert not archive_verify(forged).is_trusted
    with pytest.raises(ArchiveInvalid, match="another key"):
        archive_verify(forged, public_pem(key.public_key()))


def test_damaged_bytes_are_found(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[60] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(ArchiveInvalid):
        archive_verify(archive)


def test_the_command_needs_no_database_and_tells_by_its_exit_code(
    archive: Path, key: Ed25519PrivateKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "public.pem"
    known.write_bytes(public_pem(key.public_key()))
    assert main([str(archive), "--key", str(known)]) == 0
    assert "the key that you named" in capsys.readouterr().out
    assert main([str(changed(archive, {"one.json": b"x"}))]) == 1
    assert "NOT VALID: one.json" in capsys.readouterr().err
    assert main([str(tmp_path / "none.zip")]) == 2


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_it_can_be_checked_with_openssl_alone(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        source.extractall(tmp_path / "out")
    command = f"openssl pkeyutl -verify -pubin -inkey {KEY} -rawin -in {SUMS} -sigfile {SIGNATURE}"
    done = subprocess.run(command.split(), cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr
    sums = subprocess.run(["sha256sum", "-c", SUMS], cwd=tmp_path / "out", capture_output=True, check=False)
    assert sums.returncode == 0
