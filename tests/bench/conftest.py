from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.product import Product, product
from tests.factories.bundles import tiny_bundle


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """The real stack with a tiny bundle, in a state directory and with services of its own."""
    for name in ("DATABASE_URL", "VALKEY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCORING_THREADS", "1")
    tiny_bundle(tmp_path / "tiny")
    with product(tmp_path / "tiny", print) as started:
        yield started
