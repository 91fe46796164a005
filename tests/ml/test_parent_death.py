import os
import subprocess
import sys

import psutil
import pytest

from ml.parent_death import PARENT_VARIABLE

CHILD = (
    "import os, time; from ml.parent_death import end_with_named_parent as end; "
    "end(); print(os.getpid(), flush=True); time.sleep(60)"
)
PARENT = f"""
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=os.environ | {{"{PARENT_VARIABLE}": str(os.getpid())}})
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone offers this")


def test_a_training_process_ends_when_the_process_that_started_it_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=10)
        assert not alive or child.status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.communicate()


def test_a_process_whose_parent_is_dead_already_exits_at_once() -> None:
    orphan = os.environ | {PARENT_VARIABLE: str(2**22 - 1)}
    done = subprocess.run([sys.executable, "-m", "ml", "--help"], env=orphan, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, b"")
