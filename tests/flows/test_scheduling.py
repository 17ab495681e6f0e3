"""What the flows decide by themselves: who works, for how long, on what."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from typer.testing import CliRunner

import csp
from csp.cli import build_app
from csp.errors import InputError, MissingDependencyError, StoreError
from csp.search import Finished, Part
from csp.settings import Settings, load_settings
from flows import runners
from flows.asking import order_of, settings_of
from flows.pieces import Pace, do, done, may_pass, n_workers_of
from flows.predict import predict
from flows.submit_commands import runs, submit

SETTINGS = Path(csp.__file__).parents[1] / "data" / "oxalic_acid" / "landscape.toml"

WATER = Settings.model_validate({"molecule": {"source": "O", "name": "water"}})


def test_the_settings_name_who_works():
    assert isinstance(runners.task_runner("threads", 2), ThreadPoolTaskRunner)
    assert isinstance(runners.task_runner("processes", 2), ProcessPoolTaskRunner)
    dask = runners.task_runner("dask", 3)
    assert dask.cluster_kwargs["n_workers"] == 3


def test_a_missing_package_is_named_with_its_remedy():
    with (
        mock.patch.dict(sys.modules, {"prefect_dask.task_runners": None}),
        pytest.raises(MissingDependencyError, match=r"prefect-dask.*\[dask\]"),
    ):
        runners.task_runner("dask", 2)


def test_a_scheduler_that_does_not_answer_is_refused():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(InputError, match=rf"{port}.*dask scheduler"):
        runners.task_runner(f"tcp://127.0.0.1:{port}", 2)


def test_a_process_ends_with_its_parent():
    code = (
        "import os, subprocess, sys\n"
        "child = 'import os, time; from csp.lifetime import end_with; '"
        "'end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)'\n"
        "subprocess.Popen([sys.executable, '-c', child]).wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left"), True),
        (TimeoutError("hung"), True),
        (InputError("wrong"), False),
        (StoreError("damaged"), False),
        (ZeroDivisionError("bug"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, expected):
    run = TaskRun.model_construct()
    assert may_pass(do, run, Failed(data=error)) is expected


def test_a_task_hangs_only_far_beyond_the_slowest_piece_so_far():
    pace = Pace()
    assert pace.limit(1) is None
    for seconds in (1.0, 2.0, 60.0, 3.0):
        pace.add(seconds)
    assert pace.limit(1) is None  # too few to know
    pace.add(4.0)
    assert pace.limit(1) == 1200.0
    assert pace.limit(3) == 3600.0
    hasty = Pace()
    for _ in range(9):
        hasty.add(0.1)
    assert hasty.limit(1) == 900.0


def test_a_task_is_ten_seconds_of_work_and_the_end_is_shared():
    pace = Pace()
    assert pace.size(1000, 2) == 1  # nothing is known
    for _ in range(5):
        pace.add(0.5)
    assert pace.size(1000, 2) == 20
    assert pace.size(40, 2) == 10
    assert pace.size(3, 2) == 1
    assert pace.size(1000, 64) == 7
    slow = Pace()
    for _ in range(5):
        slow.add(60.0)
    assert slow.size(1000, 2) == 1


@given(n_pieces=st.integers(0, 60), n_workers=st.integers(1, 4))
def test_every_piece_is_done_once_in_tasks_of_any_size(n_pieces, n_workers):
    pieces = [Part("source", "step", first, 1) for first in range(n_pieces)]
    sizes = []

    class Runner:
        def submit(self, _, parameters):
            own = parameters["pieces"]
            sizes.append(len(own))
            ends = [Finished(piece.name, 2.0, "host/1", {}, {}) for piece in own]
            future = mock.Mock()
            future.result.return_value = ends
            future.add_done_callback.side_effect = lambda call: call(future)
            return future

    found = [item.name for item in done(("", "", ()), pieces, Runner(), n_workers)]
    assert sorted(found) == sorted(piece.name for piece in pieces)
    assert max(sizes, default=1) <= 5


def test_schedulers_elsewhere_get_enough_to_do():
    assert n_workers_of("threads", 2) == 2
    assert n_workers_of("tcp://host:8786", 2) == 64


def test_settings_without_a_file_are_written_beside_the_results(tmp_path):
    order = order_of("", WATER, str(tmp_path / "out"), ["packing.seed=2"])
    path = Path(order[0])
    assert path.parent == tmp_path / "out"
    assert load_settings(path) == WATER
    assert order[1:] == (str(tmp_path / "out"), ("packing.seed=2",))
    assert order_of("", WATER, str(tmp_path / "out"), ["packing.seed=2"]) == order


@pytest.mark.parametrize("words", [["submit", str(SETTINGS)], ["runs"]])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "need a Prefect server: .*PREFECT_API_URL"),
        ("http://127.0.0.1:9/api", "no Prefect server answers at .*127.0.0.1:9"),
    ],
)
def test_without_a_server_nothing_is_submitted(
    monkeypatch, tmp_path, words, url, message
):
    monkeypatch.setenv("PREFECT_API_URL", url)
    options = ["--output", str(tmp_path / "run")] if words[0] == "submit" else []
    app = build_app(None, (submit, runs))
    result = CliRunner().invoke(app, [*words, *options])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_only_prefect_knows_other_runners(tmp_path):
    words = ["run", str(SETTINGS), "--output", str(tmp_path / "run"), "--no-prefect"]
    app = build_app(None)
    result = CliRunner().invoke(app, [*words, "--set", "run.runner=dask"])
    assert result.exit_code == 2
    assert "run.runner = 'dask' needs Prefect" in result.stderr


@pytest.mark.parametrize("runner", ["thread", "tcp://host", "dask:2", "http://h:1"])
def test_a_runner_that_does_not_exist_is_refused(runner):
    with pytest.raises(InputError, match=r"run\.runner"):
        load_settings(SETTINGS, [f"run.runner={runner}"])


@pytest.mark.parametrize("given", [("", None), ("a.toml", WATER)])
def test_a_prediction_needs_a_file_or_settings(given):
    with pytest.raises(InputError, match="one of the two"):
        order_of(*given, "out", [])


def test_a_run_is_named_after_what_was_asked():
    asked = {"settings_file": "", "settings": WATER.model_dump(mode="json")}
    assert settings_of(asked).molecule.name == "water"


def test_the_form_has_a_description_of_every_parameter():
    properties = predict.parameters.properties
    assert list(properties) == [
        "settings_file",
        "settings",
        "output",
        "overrides",
        "runner",
        "workers",
    ]
    assert all(entry["description"] for entry in properties.values())
    assert properties["workers"]["maximum"] == 4096
