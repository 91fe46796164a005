"""Tuning of malloc for freed memory."""

import ctypes
import platform

# Parameters of mallopt(3), specific to glibc.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8
KEPT_BYTES = 256 * 1024**2
ALL_BYTES = 2**31 - 1
# The largest value that every glibc allows: half of the heap of a thread.
LARGEST_BYTES = 32 * 1024**2
# What threads keep in an arena of their own, no other thread can use.
ARENAS = 2


def keep_all_freed() -> bool:
    """Let malloc reuse freed blocks of any size, which suits a process that only trains; False without glibc.

    The activations and gradients of a training step are larger than `keep_freed` may keep. Mapping and clearing fresh
    pages for them took up to half of a step (measured: `docs/recipes.md`).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, ALL_BYTES))


def keep_freed(*, kept_bytes: int = KEPT_BYTES, arenas: int = ARENAS) -> bool:
    """Let malloc reuse freed blocks of some megabytes instead of returning them to the system; False without glibc.

    Activations and decoded pictures are such blocks: each came as fresh pages that the kernel had to map and
    clear, which took a third of decoding and a sixth of the networks' time (measured with the baseline,
    batches of 16). Larger blocks, such as a picture of 20 megapixels, are still returned immediately, and so is what
    exceeds `kept_bytes`. Threads share `arenas`, so that what one has freed is reused by others, too.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = {M_MMAP_THRESHOLD: LARGEST_BYTES, M_TRIM_THRESHOLD: kept_bytes, M_ARENA_MAX: arenas}
    return all(mallopt(parameter, value) for parameter, value in wanted.items())


def give_back_freed() -> None:
    """Return what is free now to the system, where malloc is glibc's.

    After loading a model: its file was read, parsed and packed, and each step left freed blocks behind. After many
    pictures, when no further ones wait.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
