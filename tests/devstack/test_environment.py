"""What a stack adds to the environment of its processes, and what other terminals take over from it."""

import os
from pathlib import Path

import pytest

from devstack import environment
from devstack.paths import StackPaths
from devstack.services import Urls


@pytest.mark.parametrize("chosen", ["false", None])
def test_the_settings_of_the_stack_hold_in_other_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    monkeypatch.delenv("COMMAND_LINE_PROMOTION", raising=False)
    if chosen:
        monkeypatch.setenv("COMMAND_LINE_PROMOTION", chosen)
    monkeypatch.setenv("FILE_STORAGE", "s3")
    monkeypatch.setenv("OBJECT_STORAGE_BUCKET", "pictures")
    paths = StackPaths(tmp_path)
    urls = Urls("postgres://127.0.0.1/kyc", "valkey://127.0.0.1", "s" * 50)
    environment.write(paths, environment.variables(paths, urls, 8000))
    other: dict[str, str] = {}
    environment.adopt(other, paths.env_file)
    assert other.get("COMMAND_LINE_PROMOTION") == chosen
    assert (other["FILE_STORAGE"], other["OBJECT_STORAGE_BUCKET"]) == ("s3", "pictures")
    assert other["DATABASE_URL"] == "postgres://127.0.0.1/kyc"
    assert os.stat(paths.env_file).st_mode & 0o077 == 0


def test_an_env_file_that_is_not_read_is_said_to_be_so(tmp_path: Path) -> None:
    assert environment.unread_settings(tmp_path) == ""
    (tmp_path / ".env").write_text("BLIND_SHARE=0\n")
    assert "docker compose only" in environment.unread_settings(tmp_path)
