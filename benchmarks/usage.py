"""What another process has used so far: CPU time and resident memory, read from the operating system (Linux)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


class NotMeasurable(RuntimeError):
    """This system does not tell what another process uses."""


def refuse_unmeasurable() -> None:
    """NotMeasurable where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        raise NotMeasurable("CPU time and memory of the servers are read from /proc, which this system does not have; run it on Linux")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads: by its CPU clock, to the nanosecond, else by /proc to the tick (10 ms)."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the clock that clock_getcpuclockid() names, which Python has no call for
    except OSError:
        return _ticks(pid) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """What a process holds: bytes of memory, open files, threads, and child processes that run or were not collected."""

    resident: int
    files: int
    threads: int
    children: int


def used(pid: int) -> Used:
    """What a process holds now."""
    tasks = [*Path(f"/proc/{pid}/task").iterdir()]
    children = sum(len((task / "children").read_text(encoding="ascii").split()) for task in tasks)
    return Used(resident_bytes(pid), len([*Path(f"/proc/{pid}/fd").iterdir()]), len(tasks), children)


def _ticks(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = stat[stat.rindex(")") + 2:].split()
    return int(fields[11]) + int(fields[12])  # utime and stime
