import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from detection.memory import keep_freed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "kept":
    assert keep_freed()
for _ in range(3):
    blocks = [bytearray(b"x") * 6_000_000 for _ in range(8)]
    del blocks
before = faults()
blocks = [bytearray(b"x") * 6_000_000 for _ in range(8)]
print(faults() - before)
"""


def faults(way: str) -> int:
    run = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_blocks_are_used_again_instead_of_fresh_pages() -> None:
    assert faults("returned") > 5_000
    assert faults("kept") < 500
