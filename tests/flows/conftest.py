"""The command in processes of its own, on a small search."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import csp

ROOT = Path(csp.__file__).parents[1]
SETTINGS = ROOT / "data" / "oxalic_acid" / "landscape.toml"


@dataclass(frozen=True)
class Command:
    """Starts csp runs that keep temporary files, caches and output apart."""

    folder: Path
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def output(self) -> Path:
        return self.folder / "run"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def finished_work(self, step: str = "") -> list[Path]:
        """Pieces of work and lists that are done, or the pieces of one step."""
        return sorted((self.output / "store" / step).rglob("*.jsonl"))

    def start(
        self, *words: str, code: str | None = None, **environment: str
    ) -> "subprocess.Popen[str]":
        """Start ``csp run``, or code that does so after changing something."""
        self.temporary.mkdir(exist_ok=True)
        main = "from flows.command import main; main()"
        arguments = ["run", str(SETTINGS), "--output", str(self.output), *words]
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code or ''}\n{main}", *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.temporary), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.started.append(process)
        return process

    def finish(
        self, *words: str, code: str | None = None, **environment: str
    ) -> tuple[str, str]:
        """Run to the end; what was printed on both streams."""
        process = self.start(*words, code=code, **environment)
        output, errors = process.communicate(timeout=300.0)
        assert process.returncode == 0, errors
        return output, errors

    def wait_for(self, condition: Callable[[], bool], longest: float) -> float:
        """Wait until something is so; how long it took, s."""
        begin = time.monotonic()
        while not condition():
            assert time.monotonic() - begin < longest, "waited in vain"
            time.sleep(0.05)
        return time.monotonic() - begin

    def servers(self) -> list[str]:
        """Processes of the private server that are alive."""
        listing = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,stat=,args="],
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            line
            for line in listing.stdout.splitlines()
            if "flows.server" in line
            and str(self.temporary) in line
            and not line.split()[1].startswith("Z")
        ]

    def leftovers(self) -> list[str]:
        """Servers alive and their folders."""
        return [*self.servers(), *map(str, self.temporary.glob("csp-prefect-*"))]


@pytest.fixture
def command(tmp_path) -> Iterator[Command]:
    made = Command(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()
