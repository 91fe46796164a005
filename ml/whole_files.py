"""Files that are written whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, fill: Callable[[Path], object]) -> None:
    """Replaces a file atomically: after a kill or a power cut it is either the old or the new one.

    fill: writes the new content to the path that it is given, in the same folder.
    """
    part = path.with_name(path.name + ".part")
    fill(part)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(path)
