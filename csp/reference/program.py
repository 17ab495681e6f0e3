"""The one place that starts external programs.

A program runs in a folder of its own, in a process group of its own; it is killed with
all its children when its time is over, when the caller is interrupted, and when the
caller dies, even by ``kill -9``.
"""

import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csp.errors import MissingDependencyError
from csp.lifetime import end_with
from csp.reference.engine import Failure, Reason, Resources

LOG_FILE = "program.log"
"""In the scratch folder: all that a program wrote to its standard streams."""
_SECONDS_A_LOOK = 0.05
_BYTES_PER_GIGABYTE = 1_000_000_000
_LAST_WORDS = 400
_OUT_OF_MEMORY = ("out of memory", "cannot allocate", "bad_alloc", "not enough memory")


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself with exit code 0.

    Attributes:
        output: What it wrote to standard output and standard error.
        cpu_seconds: Of the program and its children.
        wall_seconds: From start to end.
        peak_memory: Largest resident set of one process, gigabytes.
    """

    output: str
    cpu_seconds: float
    wall_seconds: float
    peak_memory: float


def program_path(names: Sequence[str], remedy: str) -> Path:
    """Where the first program of these names is.

    Raises:
        MissingDependencyError: If none is on the PATH; ``remedy`` says what to do.
    """
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise MissingDependencyError(
        f"the program {' or '.join(names)} is not on the PATH: {remedy}"
    )


def run_program(
    command: Sequence[str | Path],
    resources: Resources,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> Finished | Failure:
    """Run a program in ``resources.scratch`` within its time and memory.

    Args:
        command: Program and arguments; files are relative to the scratch folder.
        resources: Its memory holds for each process, its cores are told through
            ``OMP_NUM_THREADS``.
        environment: Added to this process's.
        stop: Set by another thread to end the program at once.

    Returns:
        What it said; or a failure if it ended with another exit code than 0, by a
        signal, without memory, or was killed when its time was over or ``stop`` set.
    """
    log = resources.scratch / LOG_FILE
    began = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=resources.scratch,
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(resources.cores),
                "OPENBLAS_NUM_THREADS": str(resources.cores),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=_limits(resources.memory),
            start_new_session=True,
        )
        try:
            code, usage = _waited(process, resources.seconds, stop)
        finally:
            _kill_group(process.pid)
    output = log.read_text(encoding="utf-8", errors="replace")
    if code is None or usage is None:
        return Failure(
            Reason.OUT_OF_TIME,
            f"{Path(command[0]).name} was stopped after "
            f"{time.monotonic() - began:.0f} s of wall time; its last words: "
            f"{last_words(output)}",
        )
    if code != 0:
        return _failed(Path(command[0]).name, code, output)
    return Finished(
        output,
        usage.ru_utime + usage.ru_stime,
        time.monotonic() - began,
        usage.ru_maxrss * 1024 / _BYTES_PER_GIGABYTE,
    )


def last_words(output: str) -> str:
    """The end of what a program wrote, on one line; of a traceback the last line."""
    _, traceback, rest = output.rpartition("Traceback (most recent call last):")
    if traceback:
        output = next(
            (line for line in rest.splitlines() if line and not line.startswith(" ")),
            rest,
        )
    return " ".join(output.split())[-_LAST_WORDS:] or "none"


def _failed(name: str, code: int, output: str) -> Failure:
    is_short_of_memory = code == -signal.SIGKILL or any(
        words in output.lower() for words in _OUT_OF_MEMORY
    )
    reason = Reason.OUT_OF_MEMORY if is_short_of_memory else Reason.PROGRAM_FAILED
    return Failure(reason, f"{name} ended with exit code {code}; {last_words(output)}")


def _limits(memory: float) -> Callable[[], None]:
    """What the child does before it becomes the program."""
    most = int(memory * _BYTES_PER_GIGABYTE)
    parent = os.getpid()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        end_with(parent)

    return limit


def _waited(
    process: subprocess.Popen[bytes],
    seconds: float | None,
    stop: threading.Event | None,
) -> tuple[int | None, resource.struct_rusage | None]:
    """Exit code and use of a program, or None and None when its time was over."""
    began = time.monotonic()
    pause = _SECONDS_A_LOOK / 10.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        is_late = seconds is not None and time.monotonic() - began > seconds
        if is_late or (stop is not None and stop.is_set()):
            _kill_group(process.pid)
            process.wait()
            return None, None
        time.sleep(pause)
        pause = min(1.5 * pause, _SECONDS_A_LOOK)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
