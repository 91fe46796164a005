"""A file system of a known size that can be full at once and without using memory for it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SIZE_MB = 2000  # a training asks for a free gigabyte
TRIES = 100
SOURCE = "kyc-chaos-"  # of the mount, with the number of the process that made it


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    def fill(self) -> None:
        """Shrink it to what is in use: every write fails with ENOSPC as on a full disk."""
        for _ in range(TRIES):  # what is written meanwhile would no longer fit, so it is refused
            facts = os.statvfs(self.folder)
            if self._resize((facts.f_blocks - facts.f_bfree) * facts.f_frsize // 1024):
                return
        raise OSError(f"{self.folder} cannot be made smaller")

    def enlarge(self) -> None:
        self._resize(SIZE_MB * 1024)

    def _resize(self, size_kb: int) -> bool:
        command = ["mount", "-o", f"remount,size={size_kb}k", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0


def leftovers_remove() -> int:
    """Unmount and remove what killed runs left; how many. Those of runs that still go on stay."""
    removed = 0
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, folder = line.split()[:2]
        pid = source.removeprefix(SOURCE)
        if source == pid or psutil.pid_exists(int(pid)):
            continue
        if subprocess.run(["umount", "--lazy", folder], capture_output=True).returncode == 0:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


@contextmanager
def small_disk() -> Iterator[SmallDisk | None]:
    """None where mounting is not permitted."""
    leftovers_remove()
    with tempfile.TemporaryDirectory(prefix="kyc-chaos-", ignore_cleanup_errors=True) as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=711", f"{SOURCE}{os.getpid()}", folder]
        if subprocess.run(mount, capture_output=True).returncode:
            yield None
            return
        try:
            yield SmallDisk(Path(folder))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
