"""One small finished run, made once, without a workflow engine.

It has all that a search may come to: both observed forms, overlaps, minima outside each
window, duplicates, and saddle points that were left downhill.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from csp import course as course_module
from csp import runs, stages
from csp import search as search_module
from csp.conformers.graph import inchi_key
from csp.conformers.monomers_file import Monomers, read_monomers, write_monomers
from csp.landscape import Landscape
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.units import COULOMB_CONSTANT

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
stop_when = ""

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
    search: search_module.Search
    landscape: Landscape

    @property
    def course(self) -> course_module.Course:
        """What its rounds came to."""
        return course_module.finished_course(self.search, _silent)


@pytest.fixture(scope="session")
def water_by_hand() -> Conformer:
    """Geometry and charges of SPC; a dipole and a quadrupole more on the oxygen."""
    positions = np.array(
        [[0.0, 0.0, 0.0], [0.8165, 0.0, 0.5774], [-0.8165, 0.0, 0.5774]]
    )
    bonds = np.array([[0, 1], [0, 2]])
    geometry = Molecule(np.array([8, 1, 1]), positions, bonds, 0, "water").centred()
    directions = np.random.default_rng(1).normal(size=(60, 3))
    points = 4.0 * directions / np.linalg.norm(directions, axis=1)[:, None]
    charges = np.array([-0.82, 0.41, 0.41])
    apart = np.linalg.norm(points[:, None] - geometry.positions, axis=2)
    values = COULOMB_CONSTANT * (charges / apart).sum(axis=1)
    moments = np.zeros((3, 25))
    moments[:, 0] = charges
    moments[0, 1], moments[0, 4] = 0.1, -0.05
    return Conformer(
        "1",
        geometry,
        0.0,
        ElectrostaticPotential(points, values),
        Multipoles(moments, "by hand"),
        "by hand",
    )


@pytest.fixture(scope="session")
def write_water(water_by_hand) -> Callable[[Path], None]:
    """Writes that water as a monomers file, as if it were computed."""

    def write(path: Path) -> None:
        made = read_monomers(DATA / "monomers.json").provenance
        key = inchi_key(water_by_hand.molecule)
        provenance = replace(made, inchi_key=key, smiles="O", source="O")
        write_monomers(path, Monomers(provenance, (water_by_hand,)))

    return write


@pytest.fixture(scope="session")
def write_inputs() -> Callable[[Path], Path]:
    """Writes a settings file and all that it names into a folder."""

    def write(folder: Path) -> Path:
        for name in ("monomers.json", "alpha.cif", "beta.cif"):
            shutil.copy(DATA / name, folder / name)
        (folder / "quick.toml").write_text(SETTINGS, encoding="utf-8")
        return folder / "quick.toml"

    return write


@pytest.fixture(scope="session")
def make_case(tmp_path_factory, write_inputs) -> Callable[[], Path]:
    """Makes new folders of that kind."""
    return lambda: write_inputs(tmp_path_factory.mktemp("case"))


@pytest.fixture
def case(make_case) -> Path:
    return make_case()


@pytest.fixture(scope="session")
def finished(write_inputs, tmp_path_factory, worker_id) -> FinishedRun:
    """The run; with several test processes made by one, and copied by the others."""
    if worker_id == "master":
        return _finished(write_inputs(tmp_path_factory.mktemp("finished")))
    shared = tmp_path_factory.getbasetemp().parent / "finished"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            making = tmp_path_factory.mktemp("making")
            _finished(write_inputs(making))
            making.rename(shared)
    own = tmp_path_factory.mktemp("finished")
    shutil.copytree(shared, own, dirs_exist_ok=True)
    return _finished(own / "quick.toml")


def _finished(settings_file: Path) -> FinishedRun:
    """A run beside its settings, carried out as far as it is not yet."""
    output = settings_file.parent / "run"
    run = runs.open_run(settings_file, output, ("run.workers=2",))
    search, landscape = stages.predict(run, _silent)
    return FinishedRun(settings_file, output, search, landscape)
