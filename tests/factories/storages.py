"""Places of storages in tests: another folder, or a bucket of an S3 server."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages


def storage_move(monkeypatch: pytest.MonkeyPatch, name: str, place: Path) -> None:
    """Let a local storage, or the one beneath an encrypting one, keep its files in this folder."""
    storage: Any = storages[name]
    beneath = getattr(storage, "beneath", storage)
    monkeypatch.setattr(beneath, "_location", str(place))
    for cached in ("base_location", "location"):
        beneath.__dict__.pop(cached, None)
