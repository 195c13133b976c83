"""The name of this machine's processor: what tells its speed apart from another machine's."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Linux names the model of an x86-64 processor, and of an arm64 one its maker's numbers only.
_NAMES = ("model name",)
_NUMBERS = ("CPU implementer", "CPU part")


@cache
def name_processor() -> str:
    """Return model and number of usable cores: ``AMD EPYC 7R13, 8 cores``."""
    cores = count_cores()
    return f"{_find_model()}, {cores} core{'' if cores == 1 else 's'}"


def count_cores() -> int:
    """Return how many cores this process may compute on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_model(cpuinfo: str) -> str:
    """Return the model that the text of ``/proc/cpuinfo`` names; empty where it names none."""
    pairs = [line.partition(":") for line in cpuinfo.splitlines()]
    held = {name.strip(): value.strip() for name, _, value in reversed(pairs) if value.strip()}
    named = [held[name] for name in _NAMES if name in held]
    return named[0] if named else " ".join(held[name] for name in _NUMBERS if name in held)


def _find_model() -> str:
    try:
        if platform.system() == "Darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            model = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
        else:
            model = read_model(CPUINFO.read_text("utf-8", "replace"))
    except (OSError, subprocess.SubprocessError):
        model = ""
    return " ".join(model.split()) or platform.processor() or platform.machine() or "unknown"
