"""The machine under the numbers: what it is, how fast it syncs, and what each process costs on it. Linux only."""

import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SYNC_BYTES = 700


def describe(directory: Path) -> dict[str, object]:
    """The machine in a few words and its fdatasync rate, measured in `directory`."""
    return {
        "cpus": os.cpu_count(),
        "cpu": _first("/proc/cpuinfo", "model name"),
        "memory_kb": int(_first("/proc/meminfo", "MemTotal").split()[0]),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg(),
        "fdatasync_per_second": round(fdatasync_rate(directory)),
    }


def fdatasync_rate(directory: Path, seconds: float = 2.0) -> float:
    """Appends of 700 bytes, each followed by fdatasync, per second: the most that commits one by one could reach."""
    path = directory / "fdatasync"
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            os.write(file, b"x" * _SYNC_BYTES)
            os.fdatasync(file)
            count += 1
        return count / (time.monotonic() - began)
    finally:
        os.close(file)
        path.unlink()


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process and all of its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """The resident memory of a process in MB."""
    return int(_first(f"/proc/{pid}/status", "VmRSS").split()[0]) / 1024


class CpuMeter:
    """The CPU seconds of some processes, by name, since it was made."""

    def __init__(self, pids: Iterable[tuple[str, int]]) -> None:
        self._begin = {name: (pid, cpu_seconds(pid)) for name, pid in pids}

    def read(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) - begin for name, (pid, begin) in self._begin.items()}


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "0"
