"""CPU seconds of a process and everybody it has started, from /proc: what a server costs that we only talk to."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, of its children that live, and of those that have ended (proc(5))."""
    total, parents = 0.0, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (read := _stat(folder)) is not None:
            parents[int(folder.name)] = read
    wanted = [pid]
    while wanted:
        one = wanted.pop()
        if one in parents:
            total += parents[one][1]
            wanted += [child for child, (parent, _) in parents.items() if parent == one]
    return total


def resident(pid: int) -> float:
    """Return the resident memory of one process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _stat(folder: Path) -> tuple[int, float] | None:
    """Return (parent, CPU seconds, those of awaited children included)."""
    try:
        fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICK
