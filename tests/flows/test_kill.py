"""``kill -9`` at any moment: the same command goes on to the same landscape."""

import time

import numpy as np
import pytest

N_KILLS = 10
STEPS = ("relaxed", "refined", "settled")
SMALL = ("--set=packing.n_minima=250", "--set=packing.rounds=2")
TINY = ("--set=packing.n_minima=60", "--set=packing.rounds=2")
CUT = """
from csp import search as search_module
from csp import course as course_module

search_module._DRAWS_IN_BATCH = 20
course_module._MINIMA_IN_PART = 10
"""
"""Many pieces of work in every step, to be killed in."""

pytestmark = pytest.mark.slow


def kill(process) -> None:
    process.kill()
    process.communicate()


def test_ten_kills_at_random_moments_change_nothing(command):
    begin = time.monotonic()
    whole = command.start(*SMALL, "--no-prefect", code=CUT)
    startup = command.wait_for(lambda: bool(command.finished_work()), 120.0)
    whole.communicate(timeout=600.0)
    work = time.monotonic() - begin - startup
    expected = {
        path.relative_to(command.output): path.read_bytes()
        for path in command.output.rglob("*.*")
        if path.suffix != ".db" and path.name != "journal.jsonl"
    }
    command.output.rename(command.folder / "whole")

    rng = np.random.default_rng(2)
    finished_at_kill = []
    for _ in range(N_KILLS):
        process = command.start(*SMALL, "--no-prefect", code=CUT)
        time.sleep(rng.uniform(0.2, startup + 2.0 * work / N_KILLS))
        kill(process)
        finished_at_kill.append(len(command.finished_work()))
    assert finished_at_kill == sorted(finished_at_kill)
    assert len(set(finished_at_kill)) > 3  # kills fell amid the work

    command.finish(*SMALL, "--no-prefect", code=CUT)
    for name, content in expected.items():
        assert (command.output / name).read_bytes() == content, name
    assert len(command.finished_work()) == len(
        list((command.folder / "whole" / "store").rglob("*.jsonl"))
    )


def test_kills_in_every_step_change_nothing(command):
    """Three kills in each: soon after it finished one more piece of work."""
    command.finish(*TINY, "--no-prefect", code=CUT)
    expected = (command.output / "landscape.csv").read_bytes()
    command.output.rename(command.folder / "whole")

    rng = np.random.default_rng(3)
    for step in STEPS:
        whole = command.folder / "whole" / "store" / step
        n_pieces = len(list(whole.rglob("*.jsonl")))
        for _ in range(3):
            before = {p: p.stat().st_mtime_ns for p in command.finished_work()}
            n_before = len(command.finished_work(step))
            process = command.start(*TINY, "--no-prefect", code=CUT)
            command.wait_for(
                lambda: len(command.finished_work(step)) > n_before,  # noqa: B023
                120.0,
            )
            time.sleep(rng.uniform(0.0, 0.1))
            kill(process)
            assert {p: p.stat().st_mtime_ns for p in before} == before
            assert not (command.output / "landscape.csv").exists()
            if len(command.finished_work(step)) > n_pieces - 2:
                break
        assert 0 < len(command.finished_work(step)) <= n_pieces

    command.finish(*TINY, "--no-prefect", code=CUT)
    assert (command.output / "landscape.csv").read_bytes() == expected


def test_a_killed_flow_takes_its_server_along_and_goes_on(command):
    for step in ("relaxed", "refined"):
        process = command.start(*TINY, code=CUT)
        command.wait_for(lambda: len(command.finished_work(step)) >= 2, 180.0)  # noqa: B023
        assert len(command.servers()) == 1
        kill(process)
        command.wait_for(lambda: not command.leftovers(), 3.0)
        assert not (command.output / "landscape.csv").exists()

    kept = {path: path.stat().st_mtime_ns for path in command.finished_work()}
    command.finish(*TINY, code=CUT)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(command.finished_work()) > len(kept)
    first = (command.output / "landscape.csv").read_bytes()
    command.output.rename(command.folder / "killed")
    command.finish(*TINY, "--no-prefect")
    assert (command.output / "landscape.csv").read_bytes() == first


def test_a_kill_while_the_server_starts_leaves_no_server(command):
    process = command.start(*TINY)
    command.wait_for(lambda: bool(command.servers()), 60.0)
    kill(process)
    command.wait_for(lambda: not command.leftovers(), 3.0)
