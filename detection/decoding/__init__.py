"""The only decoder of untrusted images: bytes in, facts or upright RGB out, under a memory and time bound."""

import warnings

from detection.decoding.api import (
    decode,
    decode_with_facts,
    derivative,
    has_room,
    inspect,
    jpeg_grid,
    orientation_of,
)
from detection.decoding.facts import (
    Damage,
    Decoded,
    FileFacts,
    ImageFacts,
    ImageRefused,
    Trailing,
    TrailingKind,
    busy,
)
from detection.decoding.limits import configure
from detection.decoding.pool import close, is_loaded
from detection.decoding.recognise import ACCEPTED, format_of

# A file's metadata can make Pillow warn once for each of thousands of entries: nothing that a file says reaches a log.
# One filter for the process, because `catch_warnings` is not safe in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

__all__ = [
    "ACCEPTED",
    "Damage",
    "Decoded",
    "FileFacts",
    "ImageFacts",
    "ImageRefused",
    "Trailing",
    "TrailingKind",
    "busy",
    "close",
    "configure",
    "decode",
    "decode_with_facts",
    "derivative",
    "format_of",
    "has_room",
    "inspect",
    "is_loaded",
    "jpeg_grid",
    "orientation_of",
]
