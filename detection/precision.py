"""In which precision networks compute: bfloat16 where the processor has it, float32 elsewhere.

A processor without bfloat16 arithmetic emulates it, about eleven times slower than float32 (measured on an AVX2
processor), so serving, training and the optimiser ask here instead of assuming it.
"""

import os

import torch

FORCE_FLOAT32 = "DETECTION_FORCE_FLOAT32"


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 natively.

    The environment variable DETECTION_FORCE_FLOAT32=1 makes the answer no, which gives the same numbers on every
    processor and lets tests run both paths.
    """
    if os.environ.get(FORCE_FLOAT32, "0") not in ("", "0"):
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def network_dtype(device: torch.device) -> torch.dtype:
    """The fastest precision that the device has natively: torch.bfloat16 or torch.float32."""
    return torch.bfloat16 if has_bfloat16(device) else torch.float32
