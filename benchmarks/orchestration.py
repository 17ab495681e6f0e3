"""What Prefect costs: the same search plainly, by threads, processes and Dask.

    python benchmarks/orchestration.py SETTINGS.toml [N_MINIMA] [WORKERS]

Each way runs the whole search in a process of its own, in turn; compared are the CPU
time of all its processes, which a busy machine disturbs little, and the wall time.
Beside it the number of tasks, the peak memory of the flow's process, and whether the
landscape is the same to the last bit.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from csp.journal import read_journal

MAIN = "from flows.command import main; main()"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a search, and what it took."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    n_tasks: int
    peak_memory: float
    landscape: bytes


def ran(name: str, settings: Path, n_minima: int, workers: int) -> Way:
    """Run a search; memory is that of its largest process, MB."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        changes = [f"packing.n_minima={n_minima}", f"run.workers={workers}"]
        words = ["run", str(settings), "--output", str(output)]
        words += [word for change in changes for word in ("--set", change)]
        plain = name == "plain"
        words += ["--no-prefect"] if plain else ["--set", f"run.runner={name}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, own = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{name} ended with {process.returncode}")
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        events = read_journal(output)
        return Way(
            name,
            wall,
            cpu,
            sum(event["event"] == "piece" for event in events),
            own.ru_maxrss / 1000.0,
            (output / "landscape.csv").read_bytes(),
        )


def main() -> None:
    """Run all ways and print a table."""
    settings = Path(sys.argv[1])
    n_minima = int(sys.argv[2]) if sys.argv[2:] else 1000
    workers = int(sys.argv[3]) if sys.argv[3:] else 2
    ways = [
        ran(name, settings, n_minima, workers)
        for name in ("plain", "threads", "processes", "dask")
    ]
    plain = ways[0]
    print("way         wall s  CPU s  CPU/plain  tasks  peak MB  same landscape")
    for way in ways:
        print(
            f"{way.name:10} {way.wall_seconds:7.1f} {way.cpu_seconds:6.1f} "
            f"{way.cpu_seconds / plain.cpu_seconds:10.3f} {way.n_tasks:6d} "
            f"{way.peak_memory:8.0f}  {way.landscape == plain.landscape}"
        )


if __name__ == "__main__":
    main()
