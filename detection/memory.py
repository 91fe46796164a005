"""Tuning of malloc for freed memory."""

import ctypes
import platform

# Parameters of mallopt(3), specific to glibc.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 * 1024**2
# The largest value that every glibc allows: half of the heap of a thread.
LARGEST_BYTES = 32 * 1024**2


def keep_freed() -> bool:
    """Let malloc reuse freed blocks of some megabytes instead of returning them to the system; False without glibc.

    Activations and decoded pictures are such blocks: each came as fresh pages that the kernel had to map and
    clear, which took a third of decoding and a sixth of the networks' time (measured with the baseline,
    batches of 16). Larger blocks, such as a picture of 20 megapixels, are still returned immediately.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES) and mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
