"""What a thief finds who reads every byte of a folder."""

import io
import re
from pathlib import Path

from PIL import Image

from detection.decoding import ImageRefused, decode

# Where a JPEG, a PNG, a WebP, or a HEIC or AVIF begins; the last two have their length before `ftyp`.
BEGINNINGS = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|....ftyp(?=heic|heix|mif1|avif)", re.DOTALL
)


def pictures_in(folder: Path) -> list[str]:
    """`<file> at <offset>` of every picture that decodes, whatever lies around it."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        starts = [match.start() for match in BEGINNINGS.finditer(content)]
        found += [f"{path} at {start}" for start in starts if _decodes(content[start:])]
    return found


def _decodes(content: bytes) -> bool:
    try:
        if content[4:8] == b"ftyp":
            decode(content)
        else:
            Image.open(io.BytesIO(content)).load()
    except (OSError, SyntaxError, ValueError, ImageRefused):
        return False
    return True
