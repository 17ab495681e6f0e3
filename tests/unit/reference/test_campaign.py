"""Campaigns with a cheap but real engine: ASE's Lennard-Jones potential."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones

from csp.errors import StoreError
from csp.reference.calculation import Calculation
from csp.reference.campaign import Campaign, Limits, energy_of
from csp.reference.convergence import doubled_subject
from csp.reference.engine import Energy, Failure, Reason
from csp.reference.lattice_energies import gas_energies, lattice_energy
from csp.reference.levels import read_levels
from csp.reference.sharing import adopt, read_records, write_records
from csp.reference.subjects import Subject, crystal_subject, isolated_molecules
from csp.units import KJ_PER_MOL_PER_EV
from tests.unit.reference.crystals import hydrogen_crystal

LEVELS = """
[lj.production]
engine = "ase"
calculator = "ase.calculators.lj:LennardJones"
arguments = { epsilon = 0.01, sigma = 2.0, rc = 12.0 }

[broken.production]
engine = "ase"
calculator = "ase.calculators.lj:NoSuchCalculator"

[slow.production]
engine = "ase"
calculator = "tests.unit.reference.slow:Slow"
"""
ONE_CORE = Limits(cores=1, cores_each=1, memory=4.0)


def quiet(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def levels(tmp_path):
    path = tmp_path / "levels.toml"
    path.write_text(LEVELS)
    return read_levels(path)


def subjects(n: int) -> list[Subject]:
    return [
        crystal_subject(
            f"s{i}",
            hydrogen_crystal(
                np.diag([4.0 + 0.1 * i, 4.4, 5.2]), np.array([[0.1, 0.2, 0.3]])
            ),
        )
        for i in range(n)
    ]


def campaign(folder: Path, levels, name: str = "lj") -> Campaign:
    return Campaign(folder, levels[f"{name}/production"], levels)


def energy(item: Calculation | None) -> float:
    return energy_of(item).energy


def test_energies_are_those_of_the_engine_and_stay(tmp_path, levels):
    wanted = subjects(2)
    work = campaign(tmp_path, levels)
    tally = work.run(wanted, ONE_CORE, quiet)
    assert len(tally.computed) == 2
    for subject in wanted:
        atoms = Atoms(
            subject.system.atomic_numbers,
            positions=subject.system.positions,
            cell=subject.system.cell,
            pbc=True,
            calculator=LennardJones(epsilon=0.01, sigma=2.0, rc=12.0),
        )
        expected = atoms.get_potential_energy() * KJ_PER_MOL_PER_EV
        found = work.results.find(subject)
        assert energy(found) == pytest.approx(expected, abs=1e-6)
        assert found.cost.cpu_seconds > 0.0
    again = campaign(tmp_path, levels).run(wanted, ONE_CORE, quiet)
    assert (len(again.computed), again.n_known) == (0, 2)


def test_a_lattice_energy_is_what_the_molecule_gains(tmp_path, levels):
    (subject,) = subjects(1)
    (molecule,) = isolated_molecules(subject.system)
    work = campaign(tmp_path, levels)
    gas = Subject("gas", molecule)
    work.run([subject, gas], ONE_CORE, quiet)
    alone = gas_energies([work.results.find(gas)])
    found = work.results.find(subject)
    difference = energy(found) - energy(work.results.find(gas))
    assert lattice_energy(found, alone) == pytest.approx(difference)
    assert lattice_energy(found, {}) is None


def test_a_failure_is_set_aside_with_its_reason_until_retried(tmp_path, levels):
    work = campaign(tmp_path, levels, "broken")
    tally = work.run(subjects(1), ONE_CORE, quiet)
    ((_, failure),) = tally.failures
    assert failure.reason in (Reason.UNSUPPORTED, Reason.PROGRAM_FAILED)
    assert "NoSuchCalculator" in failure.message
    assert work.run(subjects(1), ONE_CORE, quiet).n_known == 1
    retried = Limits(1, 1, 4.0, retry_failed=True)
    assert len(work.run(subjects(1), retried, quiet).computed) == 1
    with pytest.raises(StoreError, match="csp reference run"):
        energy_of(work.results.find(subjects(1)[0]))


def test_without_time_nothing_is_begun(tmp_path, levels):
    work = campaign(tmp_path, levels)
    tally = work.run(subjects(2), Limits(1, 1, 4.0, budget_seconds=0.01), quiet)
    assert (len(tally.computed), tally.n_left) == (0, 2)


def test_two_workers_share_the_work(tmp_path, levels):
    wanted = subjects(4)
    with ThreadPoolExecutor(2) as pool:
        tallies = list(
            pool.map(
                lambda _: campaign(tmp_path, levels).run(wanted, ONE_CORE, quiet),
                range(2),
            )
        )
    counts = [len(tally.computed) for tally in tallies]
    assert sum(counts) == 4
    work = campaign(tmp_path, levels)
    assert all(work.is_done(subject) for subject in wanted)
    assert not list(work.results.folder.glob("*.claim"))


def test_a_killed_campaign_goes_on(tmp_path, levels):
    code = (
        "from pathlib import Path\n"
        "from csp.reference.campaign import Campaign, Limits\n"
        "from csp.reference.levels import read_levels\n"
        "from tests.unit.reference.test_campaign import *\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "levels = read_levels(folder / 'levels.toml')\n"
        "campaign(folder, levels, 'slow').run(subjects(1), ONE_CORE, quiet)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    started = subprocess.Popen([sys.executable, "-c", code], env=environment)
    work = campaign(tmp_path, levels, "slow")
    claim = work.results.claim(subjects(1)[0])
    for _ in range(600):
        if claim.exists():
            break
        time.sleep(0.05)
    assert work.is_claimed(subjects(1)[0])
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert not work.is_claimed(subjects(1)[0])
    assert not work.is_done(subjects(1)[0])
    tally = campaign(tmp_path, levels).run(subjects(1), ONE_CORE, quiet)
    assert len(tally.computed) == 1


def test_records_travel_and_are_found_by_their_geometry(tmp_path, levels):
    wanted = subjects(3)
    work = campaign(tmp_path / "here", levels)
    work.run(wanted, ONE_CORE, quiet)
    path = tmp_path / "energies.jsonl"
    write_records(path, work.results.all())
    read = read_records(path)
    assert [energy(item) for item in read] == [
        energy(item) for item in work.results.all()
    ]
    renamed = [Subject(f"t{i}", s.system, s.n_operations) for i, s in enumerate(wanted)]
    adopted = adopt(read, renamed[:2], path.name)
    assert adopted.n_foreign == 1
    work.run([doubled_subject(wanted[0])], ONE_CORE, quiet)
    (double,) = (
        item
        for item in adopt(work.results.all(), renamed[:2], path.name).calculations
        if item.subject.n_formula_units == 2
    )
    assert double.subject.name == doubled_subject(renamed[0]).name
    assert energy(double) == pytest.approx(2.0 * energy(work.results.find(wanted[0])))
    for item in adopted.calculations:
        index = int(item.subject.id[1:])
        assert energy(item) == energy(work.results.find(wanted[index]))
        assert item.origin["id_there"] == f"s{index}"


def test_an_outcome_survives_its_way_to_disk(tmp_path, levels):
    work = campaign(tmp_path, levels)
    (subject,) = subjects(1)
    for outcome in (
        Energy(-1.25, {"electronic": -1.0, "dispersion": -0.25}, {"k": [1, 2]}),
        Failure(Reason.NOT_CONVERGED, "after 60 iterations"),
    ):
        work.results.write(
            Calculation(subject, "lj/production", "d", outcome, (), None, {"host": "a"})
        )
        assert work.results.find(subject).outcome == outcome
