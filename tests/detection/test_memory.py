import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from detection.memory import keep_all_freed, keep_freed

SIZE = int(sys.argv[2])

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "kept":
    assert keep_freed()
if sys.argv[1] == "all kept":
    assert keep_all_freed()
for _ in range(3):
    blocks = [bytearray(b"x") * SIZE for _ in range(8)]
    del blocks
before = faults()
blocks = [bytearray(b"x") * SIZE for _ in range(8)]
print(faults() - before)
"""


def faults(way: str, size: int) -> int:
    command = [sys.executable, "-c", PROGRAM, way, str(size)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_blocks_are_used_again_instead_of_fresh_pages() -> None:
    assert faults("returned", 6_000_000) > 5_000
    assert faults("kept", 6_000_000) < 500


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_training_keeps_blocks_that_are_too_large_for_the_scoring_worker() -> None:
    assert faults("kept", 40_000_000) > 50_000
    assert faults("all kept", 40_000_000) < 500


GIVES_BACK = """
from pathlib import Path
from detection.memory import give_back_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

blocks = [bytes(2000) for _ in range(50_000)]
blocks = blocks[::100]  # those that stay keep malloc from returning the others by itself
before = resident()
give_back_freed()
print((before - resident()) * 4096 > 50_000_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")
def test_freed_blocks_between_others_can_be_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", GIVES_BACK], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


ARENAS = """
import ctypes, sys, threading
from detection.memory import keep_freed

if sys.argv[1] == "shared":
    assert keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)
threads = [threading.Thread(target=lambda: (libc.malloc(1000), together.wait())) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_threads_share_two_arenas() -> None:
    def arenas(way: str) -> int:
        done = subprocess.run([sys.executable, "-c", ARENAS, way], capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert arenas("own") > 2
    assert arenas("shared") == 2
