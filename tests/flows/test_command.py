"""The command with Prefect: quiet, alone, and gone when it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from csp.journal import read_journal

GROUPS = "--set=packing.space_groups=[2, 14, 61]"
SMALL = (GROUPS, "--set=packing.n_minima=300", "--set=packing.rounds=2")
TINY = (
    GROUPS,
    "--set=packing.n_minima=12",
    "--set=packing.special_share=2",
    "--set=packing.rounds=2",
)
STOPPED = "stopped; nothing finished is lost: the same command goes on"
PROGRESS = re.compile(
    r"(starting Prefect|(packings|refining), round \d+|settling|finding symmetry"
    r"|describing|learning|comparing (first|full|settled) minima"
    r"|comparing for the report) \d+/\d+"
)

pytestmark = pytest.mark.slow


def without_progress(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if not PROGRESS.fullmatch(line)]


def test_a_run_is_quiet_leaves_no_server_and_gives_what_a_plain_run_gives(command):
    """Though the user's own settings for Prefect and proxies point nowhere."""
    hostile = {
        "PREFECT_API_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////no/such/folder/x",
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_SERVER_API_AUTH_STRING": "admin:secret",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    output, errors = command.finish(*TINY, **hostile)
    assert without_progress(errors) == []
    stages = [line.rpartition(" ")[0] for line in errors.splitlines()]
    assert list(dict.fromkeys(stages)) == [
        "starting Prefect",
        "packings, round 1",
        "comparing first minima",
        "refining, round 1",
        "comparing full minima",
        "packings, round 2",
        "refining, round 2",
        "settling",
        "comparing settled minima",
        "finding symmetry",
        "describing",
        "comparing for the report",
    ]
    assert "the lowest first" in output
    assert "reference energies" in output
    assert command.leftovers() == []
    csv = command.output / "landscape.csv"
    with_prefect = csv.read_bytes()
    for path in [csv, *command.finished_work()]:
        path.unlink()
    plain, _ = command.finish(*TINY, "--no-prefect")
    assert csv.read_bytes() == with_prefect
    assert plain == output


@pytest.mark.parametrize(
    ("runner", "package"), [("dask", "prefect_dask"), ("ray", "prefect_ray")]
)
def test_the_landscape_is_the_same_whoever_does_the_work(command, runner, package):
    pytest.importorskip(package)
    csv = command.output / "landscape.csv"
    command.finish(*TINY, "--no-prefect")
    plain = csv.read_bytes()
    for path in [csv, *command.finished_work()]:
        path.unlink()
    words = (*TINY, f"--set=run.runner={runner}", "--set=run.workers=2")
    command.finish(*words, RAY_TMPDIR="/tmp")  # Ray's sockets want a short path
    assert csv.read_bytes() == plain
    events = read_journal(command.output)
    begun = max(i for i, event in enumerate(events) if event["event"] == "start")
    pieces = [event for event in events[begun:] if event["event"] == "piece"]
    workers = {int(event["worker"].split("/")[1]) for event in pieces}
    assert workers
    assert events[begun]["process"] not in workers


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
@pytest.mark.parametrize("mode", [(), ("--no-prefect",)])
def test_a_signal_ends_a_search_in_one_sentence(command, number, code, mode):
    process = command.start(*SMALL, *mode)
    command.wait_for(lambda: bool(command.finished_work()), 180.0)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30.0)
    assert process.returncode == code
    assert output == ""
    assert without_progress(errors) == [STOPPED]
    assert command.leftovers() == []
    assert not list(command.output.rglob(".*"))
    assert not (command.output / "landscape.csv").exists()


@pytest.mark.parametrize("mode", [(), ("--no-prefect",)])
def test_a_second_signal_ends_it_at_once(command, mode):
    process = command.start(*SMALL, *mode)
    command.wait_for(lambda: bool(command.finished_work()), 180.0)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    assert process.wait(3.0) == 130
    command.wait_for(lambda: not command.leftovers(), 5.0)


def test_a_signal_while_the_server_starts_leaves_nothing(command):
    process = command.start(*SMALL)
    command.wait_for(lambda: bool(command.servers()), 60.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30.0)
    assert process.returncode == 130
    assert without_progress(errors) == [STOPPED]
    assert command.leftovers() == []


@pytest.mark.parametrize(
    ("work", "place"),
    [
        ("approach", "search_module.approach"),
        ("refine", "search_module._WORK['refined']"),
        ("settle", "search_module._WORK['settled']"),
    ],
)
def test_a_piece_that_fails_ends_the_flow_in_one_sentence(command, work, place):
    planted = f"""
from csp import search as search_module

def fail(start, *_):
    raise ZeroDivisionError("planted in {work}")
{place} = fail
"""
    process = command.start(*TINY, code=planted)
    output, errors = process.communicate(timeout=180.0)
    assert process.returncode == 1
    assert output == ""
    (line,) = without_progress(errors)
    assert line.startswith("failed: a task of the flow ended with ZeroDivisionError")
    assert f"planted in {work}" in line
    assert "--no-prefect" in line
    assert command.leftovers() == []


@pytest.mark.parametrize("step", ["relaxed", "settled"])
def test_a_damaged_piece_is_the_same_sentence_with_prefect(command, step):
    command.finish(*TINY, "--no-prefect")
    command.finished_work(step)[0].write_bytes(b"")
    process = command.start(*TINY)
    _, errors = process.communicate(timeout=180.0)
    assert process.returncode == 2
    (line,) = without_progress(errors)
    assert line.endswith("is damaged: delete it and run the same command again")
    assert command.leftovers() == []


@pytest.fixture
def given_server(tmp_path):
    """The address of a server started by hand."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    quiet = {
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    prefect = Path(sys.executable).parent / "prefect"
    process = subprocess.Popen(
        [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}/api"
    process.terminate()
    process.wait(30.0)


def test_a_given_server_is_used_and_told_plain_values(command, given_server):
    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{given_server}/health", timeout=5.0).close()
        except OSError:
            return False
        return True

    command.wait_for(answers, 180.0)
    _, errors = command.finish(
        *TINY, PREFECT_API_URL=given_server, PREFECT_HOME=str(command.folder / "mine")
    )
    assert without_progress(errors) == []
    assert command.leftovers() == []
    request = urllib.request.Request(
        f"{given_server}/flow_runs/filter",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30.0) as answer:
        (run,) = json.load(answer)
    assert run["state_name"] == "Completed"
    parameters = run["parameters"]
    assert Path(parameters["settings_file"]).name == "landscape.toml"
    assert parameters["output"] == str(command.output)
    assert parameters["overrides"] == [word.removeprefix("--set=") for word in TINY]
