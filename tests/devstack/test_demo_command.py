from pathlib import Path

import pytest

from devstack import demo as cli
from devstack.errors import StackRefused


def test_the_checkout_has_what_the_demo_shows() -> None:
    cli.require_files()


def test_a_missing_baseline_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackRefused, match=r"^there is no baseline bundle in .*git checkout -- .*$"):
        cli.require_files(baseline=tmp_path)


def test_missing_samples_are_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackRefused, match=r"^there are no sample selfies in .*git checkout -- .*$"):
        cli.require_files(samples=tmp_path)


def test_nothing_is_started_when_something_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("devstack.demo.require_files", lambda: cli_refuses(tmp_path))
    monkeypatch.setattr("devstack.demo.supervisor.up", lambda *_: pytest.fail("it was started"))
    assert cli.main([]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def cli_refuses(folder: Path) -> None:
    raise StackRefused(f"there is no baseline bundle in {folder}")
