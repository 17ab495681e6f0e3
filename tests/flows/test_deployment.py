"""Deployments on a real server: a database, a worker, Dask, and kills of each.

The server's database is PostgreSQL where its programs are installed, SQLite elsewhere.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import csp
from csp.journal import read_journal

ROOT = Path(csp.__file__).parents[1]
SETTINGS = ROOT / "data" / "oxalic_acid" / "landscape.toml"
BIN = Path(sys.executable).parent
CSP = [sys.executable, "-c", "from flows.command import main; main()"]
SMALL = ("packing.n_minima=250", "packing.rounds=2", "packing.space_groups=[14,2,19]")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found and shutil.which("runuser") else None


@dataclass
class Site:
    """Everything that a group would run, on one machine."""

    folder: Path
    port: int
    database: str | None = None
    started: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(ROOT),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "COLUMNS": "120",
        }
        if self.database:
            own["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = self.database
        return {**os.environ, **own}

    def start(self, name: str, *words: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.started[name] = subprocess.Popen(
            words, cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )

    def kill(self, name: str) -> None:
        process = self.started.pop(name)
        process.kill()
        process.wait()

    def do(self, *words: str, longest: float = 300.0) -> str:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=longest,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def start_server(self) -> None:
        address = ("--host", "127.0.0.1", "--port", str(self.port))
        self.start("server", str(BIN / "prefect"), "server", "start", *address)
        wait_for(self.is_up, 120.0)

    def is_up(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/api/health"
        try:
            urllib.request.urlopen(url, timeout=5.0).close()
        except OSError:
            return False
        return True

    def start_worker(self) -> None:
        words = ("worker", "start", "--pool", "csp", "--type", "process")
        self.start("worker", str(BIN / "prefect"), *words)

    def start_dask(self, n_workers: int) -> str:
        port = free_port()
        address = f"tcp://127.0.0.1:{port}"
        dask = (sys.executable, "-m", "distributed.cli.dask_scheduler")
        words = ("--port", str(port), "--no-dashboard", "--host", "127.0.0.1")
        self.start("scheduler", *dask, *words, "--preload", "flows.reference")
        for index in range(n_workers):
            self.start(
                f"dask-{index}",
                *(sys.executable, "-m", "distributed.cli.dask_worker", address),
                *("--nthreads", "1", "--no-nanny", "--no-dashboard"),
                *("--preload", "flows.reference"),
                *("--local-directory", str(self.folder / "dask")),
            )
        return address

    def submit(self, output: Path, *changes: str) -> "subprocess.Popen[str]":
        words = ["submit", str(SETTINGS), "--output", str(output), "--watch"]
        options = [word for change in (*SMALL, *changes) for word in ("--set", change)]
        return subprocess.Popen(
            [*CSP, *words, *options],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, output: Path, *changes: str) -> str:
        process = self.submit(output, *changes)
        text, _ = process.communicate(timeout=600.0)
        assert process.returncode == 0, text
        return text

    def ask(self, path: str, question: dict[str, object]) -> list[dict[str, object]]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}/filter",
            data=json.dumps(question).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30.0) as answer:
            return json.load(answer)

    def latest_prediction(self) -> dict[str, object]:
        flows = {"name": {"any_": ["predict"]}}
        (run,) = self.ask("flow_runs", {"flows": flows, "limit": 1, "sort": "ID_DESC"})
        return run


def wait_for(condition: Callable[[], bool], longest: float) -> None:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < longest, "waited in vain"
        time.sleep(0.05)


def done_in(output: Path, step: str = "") -> dict[Path, int]:
    """Pieces of work that are finished, and when."""
    folder = output / "store" / step
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.jsonl")}


def flow_processes() -> list[int]:
    """Processes in which Prefect's worker runs flows of this test."""
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        int(line.split()[0])
        for line in listing.stdout.splitlines()
        if re.search(r"prefect\.(flow_)?engine", line)
        and not line.split()[1].startswith("Z")
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    made = Site(folder, free_port())
    programs = postgres_bin()
    if programs is not None and os.geteuid() == 0:
        for parent in (folder, *folder.parents[:2]):
            parent.chmod(0o755)
        database = folder / "postgres"
        database.mkdir()
        shutil.chown(database, "postgres")
        port = free_port()
        for words in (
            (programs / "initdb", "-D", database / "data", "-U", "prefect"),
            (
                *(programs / "pg_ctl", "-D", database / "data"),
                *("-l", database / "log", "-o", f"-p {port} -k {database}"),
                *("-w", "start"),
            ),
        ):
            subprocess.run(
                ["runuser", "-u", "postgres", "--", *map(str, words)],
                check=True,
                cwd="/",
                stdout=subprocess.DEVNULL,
            )
        local = ("-h", "127.0.0.1", "-p", str(port), "-U", "prefect")
        subprocess.run([str(programs / "createdb"), *local, "prefect"], check=True)
        made.database = f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
    try:
        made.start_server()
        prefect = str(BIN / "prefect")
        made.do(prefect, "work-pool", "create", "csp", "--type", "process")
        made.do(prefect, "--no-prompt", "deploy", "--all")
        made.start_worker()
        yield made
    finally:
        for process in made.started.values():
            process.kill()
            process.wait()
        for number in flow_processes():
            os.kill(number, signal.SIGKILL)
        if made.database:
            stop_database(folder, "immediate")


def stop_database(folder: Path, mode: str) -> None:
    programs, data = postgres_bin(), folder / "postgres" / "data"
    words = (programs / "pg_ctl", "-D", data, "-m", mode, "-w", "stop")
    subprocess.run(
        ["runuser", "-u", "postgres", "--", *map(str, words)],
        cwd="/",
        stdout=subprocess.DEVNULL,
        check=False,
    )


def restart_database(site: Site) -> None:
    port = site.database.split(":")[-1].split("/")[0]
    programs, place = postgres_bin(), site.folder / "postgres"
    words = (
        *(programs / "pg_ctl", "-D", place / "data", "-l", place / "log"),
        *("-o", f"-p {port} -k {place}", "-w", "start"),
    )
    subprocess.run(
        ["runuser", "-u", "postgres", "--", *map(str, words)],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    """The landscape of the plain run, without Prefect."""
    output = tmp_path_factory.mktemp("plain") / "run"
    options = [word for change in SMALL for word in ("--set", change)]
    words = ["run", str(SETTINGS), "--output", str(output), "--no-prefect", *options]
    subprocess.run([*CSP, *words], cwd=ROOT, check=True, capture_output=True)
    return (output / "landscape.csv").read_bytes()


def test_a_submitted_run_is_the_plain_one_with_a_page(site, expected, tmp_path):
    text = site.finish(tmp_path / "run")
    assert "settling 100/100" in text
    assert (tmp_path / "run" / "landscape.csv").read_bytes() == expected
    run = site.latest_prediction()
    assert run["name"] == "oxalic acid, quick"
    assert {"csp", "oxalic acid", "quick"} <= set(run["tags"])
    artifacts = site.ask("artifacts", {})
    kinds = {item["key"] or item["type"] for item in artifacts}
    assert kinds >= {"progress", "landscape-picture", "best-structures", "report"}
    assert "oxalic acid, quick" in site.do(*CSP, "runs")
    events = read_journal(tmp_path / "run")
    pieces = [event["piece"] for event in events if event["event"] == "piece"]
    assert len(pieces) == len(set(pieces)) > 10


def test_the_nightly_benchmark_is_scheduled(site):
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    wait_for(lambda: bool(site.ask("flow_runs", scheduled)), 60.0)


def test_settings_as_a_form_sends_them_are_run(site, expected, tmp_path):
    output = tmp_path / "run"
    settings = {
        "molecule": {
            "source": "OC(=O)C(=O)O",
            "name": "oxalic acid",
            "monomers": "data/oxalic_acid/monomers.json",
        },
        "packing": {
            "preset": "quick",
            "n_minima": 250,
            "rounds": 2,
            "space_groups": [14, 2, 19],
        },
        "landscape": {
            "observed": {
                "alpha": "data/oxalic_acid/alpha.cif",
                "beta": "data/oxalic_acid/beta.cif",
            }
        },
    }
    site.do(
        *(str(BIN / "prefect"), "deployment", "run", "predict/local", "--watch"),
        *("--param", f"settings={json.dumps(settings)}"),
        *("--param", f"output={output}"),
    )
    assert (output / "landscape.csv").read_bytes() == expected


def test_a_killed_dask_worker_changes_nothing(site, expected, tmp_path):
    address = site.start_dask(3)
    output = tmp_path / "run"
    process = site.submit(output, f"run.runner={address}")
    wait_for(lambda: len(done_in(output, "relaxed")) >= 2, 300.0)
    victim = site.started["dask-1"].pid
    site.kill("dask-1")
    text, _ = process.communicate(timeout=600.0)
    assert process.returncode == 0, text
    assert (output / "landscape.csv").read_bytes() == expected
    events = [event for event in read_journal(output) if event["event"] == "piece"]
    workers = {int(event["worker"].split("/")[1]) for event in events}
    dask = {site.started[name].pid for name in ("dask-0", "dask-2")}
    assert dask <= workers <= dask | {victim}


@pytest.mark.parametrize(
    "victim",
    ["flow", "worker", "server", pytest.param("database", marks=pytest.mark.external)],
)
def test_each_part_may_be_killed_and_the_same_command_goes_on(
    site, expected, tmp_path, victim
):
    if victim == "database" and not site.database:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    output = tmp_path / "run"
    process = site.submit(output)
    wait_for(lambda: len(done_in(output, "relaxed")) >= 2, 300.0)
    before = done_in(output)
    if victim == "flow":
        for number in flow_processes():
            os.kill(number, signal.SIGKILL)
    elif victim == "database":
        stop_database(site.folder, "immediate")
    else:
        site.kill(victim)
    time.sleep(3.0)
    if victim == "server":
        site.start_server()
    elif victim == "worker":
        site.start_worker()
    elif victim == "database":
        restart_database(site)
    text, _ = process.communicate(timeout=600.0)
    n_at_end = len(done_in(output))
    site.finish(output)
    after = done_in(output)
    assert {path: after[path] for path in before} == before
    assert (output / "landscape.csv").read_bytes() == expected
    events = read_journal(output)
    pieces = [event["piece"] for event in events if event["event"] == "piece"]
    again = len(pieces) - len(set(pieces))
    print(  # noqa: T201 - the table of docs/deployment.md
        f"\n{victim}: {len(before)} files before, {n_at_end} when the command ended "
        f"({process.returncode}), {len(after)} at the end; {again} pieces twice; "
        f"{text.strip().splitlines()[-1]}"
    )
    assert again <= 2


def processes_of_pools() -> set[int]:
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        int(line.split()[0])
        for line in listing.stdout.splitlines()
        if "multiprocessing.spawn" in line and not line.split()[1].startswith("Z")
    }


@pytest.mark.external  # minutes more: run it by hand
def test_a_cancelled_run_stops_its_processes_and_goes_on(site, tmp_path):
    output, others = tmp_path / "run", processes_of_pools()
    # the worker hears of it after up to ten seconds: long enough to be cancelled
    changes = ("packing.n_minima=2000", "run.runner=processes")
    process = site.submit(output, *changes)
    wait_for(lambda: len(done_in(output, "relaxed")) >= 1, 180.0)
    assert processes_of_pools() - others
    run = site.latest_prediction()
    site.do(str(BIN / "prefect"), "flow-run", "cancel", run["id"])
    wait_for(lambda: not flow_processes(), 90.0)
    wait_for(lambda: not processes_of_pools() - others, 5.0)
    text, _ = process.communicate(timeout=60.0)
    assert process.returncode == 1
    assert "Cancel" in text
    before = done_in(output)
    site.finish(output, *changes)
    after = done_in(output)
    assert {path: after[path] for path in before} == before
    assert len(after) > len(before)
    assert (output / "landscape.csv").exists()


@pytest.mark.external  # minutes more: run it by hand
def test_a_dask_worker_killed_amid_reference_energies_loses_nothing(site, tmp_path):
    pytest.importorskip("tblite")
    output = tmp_path / "run"
    site.finish(output, "packing.n_minima=30", "packing.space_groups=[14]")
    address = site.start_dask(2)
    means = {"budget": "1h", "runner": address, "cores": 2}
    choice = {"lowest": 6}
    words = [
        *(str(BIN / "prefect"), "deployment", "run", "reference/local", "--watch"),
        *("--param", f"folder={output}", "--param", "level=gfn1-xtb/fast"),
        *("--param", f"choice={json.dumps(choice)}"),
        *("--param", f"means={json.dumps(means)}"),
    ]
    process = subprocess.Popen(
        words, cwd=ROOT, env=site.environment, stdout=subprocess.DEVNULL
    )
    records = output / "reference"
    wait_for(lambda: any(records.rglob("*.claim")), 240.0)
    site.kill("dask-0")
    assert process.wait(timeout=500.0) == 0
    reports = json.loads(site.do(*CSP, "reference", "status", str(output), "--json"))
    (report,) = [one for one in reports if one["level"] == "gfn1-xtb/fast"]
    assert len(report["structures"]) == 6
    assert not report["failures"]
    made = [e for e in read_journal(output) if e["event"] == "reference energy"]
    names = [event["id"] for event in made]
    assert len(names) == len(set(names)) == 10  # six crystals and four conformers
    assert not list(records.rglob("*.claim"))
