"""What one measuring process tells the one that started it."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path


def peak_memory() -> float:
    """Peak resident memory of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage counts what the parent held before exec, too
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def tell(**measured: object) -> None:
    """Print one line of JSON."""
    print(json.dumps(measured))
