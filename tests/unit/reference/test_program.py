import os
import sys
import threading
import time
from pathlib import Path

import pytest

from csp.errors import MissingDependencyError
from csp.reference.engine import Failure, Reason, Resources
from csp.reference.program import Finished, program_path, run_program


def run(tmp_path: Path, code: str, seconds: float | None = None, **arguments):
    resources = Resources(1, arguments.pop("memory", 4.0), tmp_path, 0, seconds)
    return run_program([sys.executable, "-c", code], resources, **arguments)


def is_alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.split()[2] != "Z"


def wait_for(path: Path) -> str:
    for _ in range(500):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_output_and_use_are_reported(tmp_path):
    ended = run(
        tmp_path,
        "import os, sys\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['A'], os.getcwd())\n"
        "print('said', file=sys.stderr)\n"
        "sum(range(3_000_000))",
        environment={"A": "b"},
    )
    assert isinstance(ended, Finished)
    assert ended.output.split()[:2] == ["1", "b"]
    assert str(tmp_path.resolve()) in ended.output
    assert "said" in ended.output
    assert 0.01 < ended.cpu_seconds < 10.0
    assert ended.peak_memory > 0.001


def test_an_exit_code_is_a_failure_with_the_last_words(tmp_path):
    ended = run(tmp_path, "import sys; print('the reason'); sys.exit(3)")
    assert isinstance(ended, Failure)
    assert ended.reason is Reason.PROGRAM_FAILED
    assert "exit code 3" in ended.message
    assert "the reason" in ended.message


def test_memory_is_bounded(tmp_path):
    ended = run(
        tmp_path,
        "try:\n    b = bytearray(800_000_000)\n"
        "except MemoryError:\n    raise SystemExit('out of memory')\n"
        "print(len(b))",
        memory=0.4,
    )
    assert isinstance(ended, Failure)
    assert ended.reason is Reason.OUT_OF_MEMORY


def test_time_is_bounded_for_children_too(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(f'{p.pid}\\n')\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    ended = run(tmp_path, code, seconds=1.5)
    assert isinstance(ended, Failure)
    assert ended.reason is Reason.OUT_OF_TIME
    assert time.monotonic() - began < 20.0
    child = int(wait_for(tmp_path / "child"))
    time.sleep(0.1)
    assert not is_alive(child)


def test_another_thread_can_stop_it(tmp_path):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    ended = run(tmp_path, "import time; time.sleep(60)", stop=stop)
    assert isinstance(ended, Failure)
    assert ended.reason is Reason.OUT_OF_TIME


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_a_program_dies_with_a_killed_parent(tmp_path):
    child = tmp_path / "child"
    program = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(child)!r}).write_text(f'{{os.getpid()}}\\n')\n"
        "time.sleep(60)"
    )
    code = (
        "import sys, pathlib\n"
        "from csp.reference.engine import Resources\n"
        "from csp.reference.program import run_program\n"
        f"run_program([sys.executable, '-c', {program!r}], "
        f"Resources(1, 4.0, pathlib.Path({str(tmp_path)!r})))\n"
    )
    parent = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", code])
    process = int(wait_for(child))
    assert is_alive(process)
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    time.sleep(0.2)
    assert not is_alive(process)


def test_a_missing_program_says_what_to_install():
    with pytest.raises(MissingDependencyError, match=r"no-such-program.*apt install"):
        program_path(["no-such-program"], "apt install something")
