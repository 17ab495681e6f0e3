"""One small finished run, made once, without a workflow engine.

It has all that a search may come to: both observed forms, overlaps, minima outside each
window, duplicates, and saddle points that were left downhill.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from csp import runs, stages
from csp.landscape import Landscape

DATA = Path(__file__).parents[2] / "data" / "oxalic_acid"
SETTINGS = """
[molecule]
source = "OC(=O)C(=O)O"
name = "oxalic acid"
monomers = "monomers.json"

[packing]
space_groups = [12, 14, 61]
n_minima = 10
special_share = 3.7
rounds = 2

[relaxation]
first_window_kj_per_mol = 15.0

[landscape]
energy_window_kj_per_mol = 12.0
observed = { alpha = "alpha.cif", beta = "beta.cif" }
"""


def _silent(stage: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class FinishedRun:
    settings_file: Path
    output: Path
    search: stages.Search
    landscape: Landscape

    @property
    def course(self) -> stages.Course:
        """What its rounds came to."""
        return stages.finished_course(self.search, _silent)


@pytest.fixture(scope="session")
def make_case(tmp_path_factory) -> Callable[[], Path]:
    """Makes new folders with a settings file and all that it names."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("case")
        for name in ("monomers.json", "alpha.cif", "beta.cif"):
            shutil.copy(DATA / name, folder / name)
        (folder / "quick.toml").write_text(SETTINGS, encoding="utf-8")
        return folder / "quick.toml"

    return make


@pytest.fixture
def case(make_case) -> Path:
    return make_case()


@pytest.fixture(scope="session")
def finished(make_case, tmp_path_factory) -> FinishedRun:
    settings_file = make_case()
    output = tmp_path_factory.mktemp("finished") / "run"
    run = runs.open_run(settings_file, output, ("run.workers=2",))
    search, landscape = stages.predict(run, _silent)
    return FinishedRun(settings_file, output, search, landscape)
