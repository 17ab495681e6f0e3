"""What Prefect costs: the same search plainly, by threads, processes and Dask.

    python benchmarks/orchestration.py SETTINGS.toml [N_MINIMA] [WORKERS] [WAY ...]

Each way (plain, threads, processes, dask; all of them if none is named) runs the whole
search in a process of its own, in turn; compared are the CPU time of all its processes,
which a busy machine disturbs little, and the wall time. Beside it the packings drawn,
the number of tasks, the peak memory of the flow's process, the size of Prefect's
database at the end, and whether the landscape is the same to the last bit.
"""

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WAYS = ("plain", "threads", "processes", "dask")
MAIN = "from flows.command import main; main()"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a search, and what it took."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    n_tasks: int
    n_packings: int
    peak_memory: float
    database: float
    landscape: bytes


def ran(name: str, settings: Path, n_minima: int, workers: int) -> Way:
    """Run a search; memory is that of the flow's process, MB."""
    with tempfile.TemporaryDirectory() as folder:
        output, scratch = Path(folder) / "run", Path(folder) / "scratch"
        scratch.mkdir()
        changes = [f"packing.n_minima={n_minima}", f"run.workers={workers}"]
        words = ["run", str(settings), "--output", str(output)]
        words += [word for change in changes for word in ("--set", change)]
        plain = name == "plain"
        words += ["--no-prefect"] if plain else ["--set", f"run.runner={name}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", MAIN, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        database, n_tasks, ended = 0.0, 0, 0
        while not ended:
            database = max(database, _database_size(scratch))
            n_tasks = max(n_tasks, _n_tasks(scratch))
            time.sleep(1.0)
            ended, status, own = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{name} ended with {process.returncode}")
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Way(
            name,
            wall,
            cpu,
            n_tasks,
            _n_packings(output),
            own.ru_maxrss / 1000.0,
            database,
            (output / "landscape.csv").read_bytes(),
        )


def _database_size(scratch: Path) -> float:
    """Of the embedded server, MB."""
    sizes = []
    for path in scratch.glob("csp-prefect-*/*.db*"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sum(sizes) / 1e6


def _n_tasks(scratch: Path) -> int:
    """Runs of tasks in the embedded server's database."""
    for path in scratch.glob("csp-prefect-*/prefect.db"):
        with contextlib.suppress(sqlite3.Error), sqlite3.connect(path) as database:
            return int(database.execute("SELECT count(*) FROM task_run").fetchone()[0])
    return 0


def _n_packings(output: Path) -> int:
    return sum(
        path.read_bytes().count(b"\n") - 1
        for path in (output / "store" / "relaxed").rglob("*.jsonl")
    )


def main() -> None:
    """Run the ways and print a table."""
    settings = Path(sys.argv[1])
    n_minima = int(sys.argv[2]) if sys.argv[2:] else 1000
    workers = int(sys.argv[3]) if sys.argv[3:] else 2
    print(
        "way         wall s   CPU s  packings  tasks  peak MB  database MB  landscape"
    )
    first: Way | None = None
    for name in sys.argv[4:] or WAYS:
        way = ran(name, settings, n_minima, workers)
        first = first or way
        same = "the same" if way.landscape == first.landscape else "ANOTHER"
        print(
            f"{way.name:10} {way.wall_seconds:7.1f} {way.cpu_seconds:7.1f} "
            f"{way.n_packings:9d} {way.n_tasks:6d} {way.peak_memory:8.0f} "
            f"{way.database:12.1f}  {same}",
            flush=True,
        )


if __name__ == "__main__":
    main()
