"""On what was measured, and what else it did."""

import os
from pathlib import Path

import psutil


def described() -> str:
    """Processor, cores that this process may use, and the load at this moment."""
    load = psutil.getloadavg()[0]
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f} at the start"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    rows = info.read_text().splitlines() if info.exists() else []
    names = [row for row in rows if row.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else "unknown processor"
