"""What a picture may weigh and cost. `configure` is called once, at the start of a process."""

from dataclasses import dataclass, replace

DECODE_MAX_SIDE = 2048  # pictures are reduced to it: pixels are the evidence, so only absurdly large ones
# No limit on uploads may be higher. What was accepted stays decodable when an installation lowers its own limit; memory
# and time bound it all the same.
MAX_PIXELS_EVER = 200_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` and `max_pixels` bound an upload; the others, and MAX_PIXELS_EVER, bound its decoding.

    An upload waits at most `wait_s` for one of `processes` decoders, and at most `waiting` uploads wait at once. A
    person who opens a picture waits at most `view_wait_s`, a worker that decodes what was accepted `patience_s`. A
    decoder may use `cpu_s` of processor time and `memory_bytes` of address space for one picture; `wall_s` ends one
    that stands still, or that other work on the machine holds up.
    """

    max_bytes: int = 25_000_000
    max_pixels: int = 65_000_000
    processes: int = 2
    wait_s: float = 1.0
    waiting: int = 16
    view_wait_s: float = 8.0
    patience_s: float = 120.0
    cpu_s: int = 15
    wall_s: float = 45.0
    memory_bytes: int = 2_000_000_000


_limits = Limits()


def current() -> Limits:
    return _limits


def configure(**changes: float) -> None:
    """Change some of the limits for this process; decoders that run already keep theirs.

    Raises ValueError for uploads of more pixels than are ever decoded: they would be accepted and then never scored.
    """
    if changes.get("max_pixels", 0) > MAX_PIXELS_EVER:
        raise ValueError(f"{changes['max_pixels']} pixels: expected at most {MAX_PIXELS_EVER} for an upload")
    global _limits
    _limits = replace(_limits, **changes)  # type: ignore[arg-type]
