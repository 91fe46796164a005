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
