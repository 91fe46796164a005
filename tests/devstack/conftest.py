from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.factories.processes import Keeper


@pytest.fixture
def keeper(state_dir: Path) -> Iterator[Callable[..., Keeper]]:
    kept: list[Keeper] = []

    def make(**options: object) -> Keeper:
        kept.append(Keeper(state_dir, **options))  # type: ignore[arg-type]
        return kept[-1]

    yield make
    for one in kept:
        one.kill()
