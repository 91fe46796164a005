"""The only decoder of untrusted images: bytes in, facts or upright RGB out, under a memory and time bound."""

from detection.decoding.api import decode, decode_with_facts, derivative, inspect, orientation_of
from detection.decoding.facts import (
    Damage,
    Decoded,
    FileFacts,
    ImageFacts,
    ImageRefused,
    Trailing,
    TrailingKind,
)
from detection.decoding.limits import configure
from detection.decoding.pool import close
from detection.decoding.recognise import ACCEPTED, format_of

__all__ = [
    "ACCEPTED",
    "Damage",
    "Decoded",
    "FileFacts",
    "ImageFacts",
    "ImageRefused",
    "Trailing",
    "TrailingKind",
    "close",
    "configure",
    "decode",
    "decode_with_facts",
    "derivative",
    "format_of",
    "inspect",
    "orientation_of",
]
