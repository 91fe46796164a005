"""Where auxiliary models lie and what their manifests say, for processes without torch."""

import json
from pathlib import Path

MANIFEST, WEIGHTS = "auxiliary.json", "weights.safetensors"
COMPRESSION = "compression"  # the view of models that read how a JPEG's face was quantised
FACE_EXTENT = 0.85  # of the full crop around the face, for models that look at it


def shipped_auxiliary_models() -> list[Path]:
    """Folders of the models that come with this release, by name."""
    return sorted(path.parent for path in Path(__file__).with_name("auxiliary").glob(f"*/{MANIFEST}"))


def may_ask_for_person(folder: Path) -> bool:
    """Whether a model has a threshold from which it gives a picture to a person; True where that cannot be read."""
    try:
        return json.loads((folder / MANIFEST).read_bytes()).get("review_above") is not None
    except (OSError, AttributeError, ValueError):
        return True
