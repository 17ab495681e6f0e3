"""``kill -9`` at any moment: the same command goes on to the same landscape."""

import time

import numpy as np
import pytest

N_KILLS = 10
SMALL = ("--set=packing.n_draws=60", "--set=packing.n_draws_special=20")
TINY = ("--set=packing.n_draws=16", "--set=packing.n_draws_special=8")

pytestmark = pytest.mark.slow


def test_ten_kills_at_random_moments_change_nothing(command):
    begin = time.monotonic()
    whole = command.start(*SMALL, "--no-prefect")
    startup = command.wait_for(lambda: bool(command.batches()), 120.0)
    whole.communicate(timeout=600.0)
    work = time.monotonic() - begin - startup
    expected = (command.output / "landscape.csv").read_bytes()
    command.output.rename(command.folder / "whole")

    rng = np.random.default_rng(2)
    finished_at_kill = []
    for _ in range(N_KILLS):
        process = command.start(*SMALL, "--no-prefect")
        time.sleep(rng.uniform(0.2, startup + 2.0 * work / N_KILLS))
        process.kill()
        process.communicate()
        finished_at_kill.append(len(command.batches()))
    assert finished_at_kill == sorted(finished_at_kill)
    assert len(set(finished_at_kill)) > 3  # kills fell amid the work

    command.finish(*SMALL, "--no-prefect")
    assert (command.output / "landscape.csv").read_bytes() == expected
    for path in (command.folder / "whole" / "structures").iterdir():
        again = command.output / "structures" / path.name
        assert again.read_bytes() == path.read_bytes()
    assert len(command.batches()) == len(
        list((command.folder / "whole").glob("store/relaxed/*.jsonl"))
    )


def test_a_killed_flow_takes_its_server_along_and_goes_on(command):
    process = command.start(*TINY)
    command.wait_for(lambda: len(command.batches()) >= 3, 180.0)
    assert len(command.servers()) == 1
    process.kill()
    process.communicate()
    command.wait_for(lambda: not command.leftovers(), 3.0)
    n_batches = len(command.batches())
    assert not (command.output / "landscape.csv").exists()

    kept = {path: path.stat().st_mtime_ns for path in command.batches()}
    command.finish(*TINY)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(command.batches()) > n_batches
    first = (command.output / "landscape.csv").read_bytes()
    command.output.rename(command.folder / "killed")
    command.finish(*TINY, "--no-prefect")
    assert (command.output / "landscape.csv").read_bytes() == first


def test_a_kill_while_the_server_starts_leaves_no_server(command):
    process = command.start(*TINY)
    command.wait_for(lambda: bool(command.servers()), 60.0)
    process.kill()
    process.communicate()
    command.wait_for(lambda: not command.leftovers(), 3.0)
