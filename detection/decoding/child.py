"""The decoder's program: pictures on standard input, facts and pixels on standard output, one after the other.

Memory and processor time are limited for each picture, and it may write no file. When its parent dies, its input ends.
"""

import math
import os
import resource
import sys
from typing import Any

from PIL import Image

from detection.decoding import wire
from detection.decoding.facts import ImageRefused
from detection.decoding.pixels import check_pixels, decode_rgb
from detection.memory import keep_freed

# What a decoder keeps from one picture for the next: a photograph of 12 megapixels needs 30 MB. Without it the kernel
# mapped and cleared fresh pages for each, a third of the decoder's processor time.
KEPT_BYTES = 64 * 1024**2

# Chosen by this process' parent, which has checked the picture's size.
Image.MAX_IMAGE_PIXELS = None


def main(memory_bytes: int, cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = os.fdopen(0, "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    # What a library prints must not look like an answer.
    os.dup2(2, 1)
    while True:
        try:
            head, data = wire.receive(requests)
        except EOFError:
            return
        _allow_cpu(cpu_s)
        answer, pixels = _answer(head, bytes(data))
        wire.send(answers, answer, pixels)
        del data, pixels


def _allow_cpu(seconds: int) -> None:
    """Allow `seconds` more than were used until now; the kernel ends a process that uses more (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _answer(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        if head["task"] == "check":
            return check_pixels(data, head["format"], head["max_side"]).as_json(), b""
        image, findings = decode_rgb(data, head["format"], head["max_side"])
        return findings.as_json() | {"size": image.size}, image.tobytes()
    except ImageRefused as refusal:
        return {"refused": [refusal.code, refusal.status, refusal.detail]}, b""
    except MemoryError:
        return {"error": "memory"}, b""
    except Exception as error:  # Pillow and libheif raise many kinds for hostile input; all mean the same
        return {"error": f"{type(error).__name__}: {error}"[:200]}, b""


def run() -> None:
    """The program: limits as arguments."""
    os.environ.clear()
    keep_freed(kept_bytes=KEPT_BYTES, arenas=1)
    main(int(sys.argv[1]), int(sys.argv[2]))
