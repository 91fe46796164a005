"""The only decoder of untrusted images: bytes in, facts or upright RGB out, under a memory and time bound."""

from detection.decoding.api import decode, decode_with_facts, derivative, inspect
from detection.decoding.facts import (
    Damage,
    Decoded,
    FileFacts,
    ImageFacts,
    ImageRefused,
    Trailing,
    TrailingKind,
)

__all__ = [
    "Damage",
    "Decoded",
    "FileFacts",
    "ImageFacts",
    "ImageRefused",
    "Trailing",
    "TrailingKind",
    "decode",
    "decode_with_facts",
    "derivative",
    "inspect",
]
