import subprocess
import sys
from pathlib import Path

import pytest

from bench import compare


def test_a_server_that_does_not_start_is_one_clear_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As without LitServe's package: its process ends before it listens."""
    ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    ended.wait()
    monkeypatch.setattr("bench.compare.subprocess.Popen", lambda *_, **__: ended)
    with pytest.raises(compare.BenchError, match="make bench"):
        compare.litserve("plain", tmp_path, 1, [b"x"], posts=1, at_once=1)
