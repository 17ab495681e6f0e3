"""Speed of lattice energies: evaluation, minimisation, search, beside the program OCC.

Oxalic acid, revised W99 and multipoles to rank 4, one thread, all in one run:

    OMP_NUM_THREADS=1 python benchmarks/lattice_energy.py [N]

with N packings in the search. Times are CPU seconds of this process (and the clock's),
the best of several repeats where that is cheap. Both programs get the same sites,
multipoles and exp-6 parameters. OCC ends all direct sums at 15 Å, abruptly; ours fade
about there, exp-6 within 14–16 Å, multipoles within 13–17 Å, and are the longer ones.
OCC keeps no symmetry when molecules are given to it one by one; ours is timed with and
without.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import occpy
from occ_crystal import about_centre_of_mass, occ_setup

from csp.comparison.settings import ComparisonSettings
from csp.conformers.monomers_file import read_monomers
from csp.landscape import distinct
from csp.packing.placement import Place, place
from csp.packing.presets import COMMON_SPACE_GROUPS
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import (
    Component,
    FormulaUnit,
    RigidMolecule,
    rigid_molecule,
)
from csp.potentials.exp6 import ForceFieldName, parameter_set
from csp.potentials.force_field import CellEnergy, cell_energy
from csp.potentials.kernels.tables import Cutoffs
from csp.potentials.rigid_crystal import RigidCrystal, expanded, tables_of
from csp.potentials.settings import PotentialSettings
from csp.records import CrystalKey, Packing, Relaxation, Status
from csp.relaxation.minimisation import Minimisation, minimised
from csp.relaxation.rigid_body import (
    ForceFieldModel,
    approach,
    crystal_of_bodies,
    force_field_model,
    refine,
    settle,
)
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.stability import stability
from csp.spacegroups import space_group

MONOMERS = Path(__file__).parents[1] / "data" / "oxalic_acid" / "monomers.json"
CONFORMER, GROUP = "3", 19
"""The planar conformer of the crystals, in P2₁2₁2₁."""
CUTOFF = 15.0
LIKE_OCC = PotentialSettings(
    force_field=ForceFieldName.REVISED_W99,
    cutoff=CUTOFF + 1.0,
    switch_width=2.0,
    multipole_cutoff=CUTOFF + 2.0,
    multipole_switch_width=4.0,
    tail_correction=False,
)
PARAMETERS = parameter_set(LIKE_OCC.force_field)
RELAXATION = RelaxationSettings()
N_MINIMISED = 3
COLUMNS = f"{'':36s}{'CPU':>9s}{'clock':>10s}{'ratio':>8s}"
PUBLISHED = "published, as our issue 3 gives it: mol-CSPy/DMACRYS 353, HTOCSP 157–313"


Result = TypeVar("Result")


class Cost(NamedTuple):
    """Seconds of the processor and of the clock."""

    cpu: float
    wall: float


def timed(work: Callable[[], Result]) -> tuple[Result, Cost]:
    """What one call returns and costs."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Cost(time.process_time() - cpu, time.perf_counter() - wall)


def best(work: Callable[[], object], repeats: int = 7, calls: int = 1) -> Cost:
    """The cheapest of several repeats, per call."""

    def several() -> None:
        for _ in range(calls):
            work()

    found = min(timed(several)[1] for _ in range(repeats))
    return Cost(found.cpu / calls, found.wall / calls)


def row(name: str, spent: Cost, reference: float, note: str) -> None:
    """Print a line: milliseconds, and how many times faster than a reference."""
    cpu, wall = 1e3 * spent.cpu, 1e3 * spent.wall
    print(f"  {name:34s}{cpu:9.2f}{wall:10.2f}{reference / spent.cpu:8.1f}  {note}")


def model_of(potential: PotentialSettings, *labels: str) -> ForceFieldModel:
    """The force field of crystals of some of the conformers, or of all."""
    molecules = tuple(
        rigid_molecule(conformer, potential)
        for conformer in read_monomers(MONOMERS).conformers
        if conformer.label in labels or not labels
    )
    unit = FormulaUnit((Component(1, molecules),))
    return force_field_model(unit, potential, RELAXATION)


def draws(number: int, count: int, molecules: Sequence[RigidMolecule]) -> list[Packing]:
    """Packings on the general position, as a search draws them."""
    site = next(site for site in space_group(number).sites if site.is_general)
    places = [Place(site, tuple(molecules), (1,))]
    points = map(as_point, sobol_points(1, f"{number}{site.letter}", 0, count))
    return [
        place(CrystalKey(number, site.letter, index), point, places, PackingSettings())
        for index, point in enumerate(points)
    ]


def molecules_of(model: ForceFieldModel) -> list[RigidMolecule]:
    """Its conformers."""
    return list(model.unit.molecules.values())


def crystals(model: ForceFieldModel) -> list[tuple[RigidCrystal, Minimisation]]:
    """Ends of first relaxations below which there is a true minimum, and that.

    OCC keeps no symmetry: from elsewhere it would reach another minimum.
    """
    found = []
    (body,) = map(about_centre_of_mass, model.full.bodies)
    guide, tables = model.charges.tables, model.full.tables
    for packing in draws(GROUP, 100, molecules_of(model)):
        start = crystal_of_bodies(approach(packing, model, RELAXATION).packing, [body])
        end = minimised(start, tables, RELAXATION, guide)
        is_converged = end.status is Status.CONVERGED
        if is_converged and stability(end.crystal, tables).is_minimum:
            found.append((start, end))
        if len(found) == N_MINIMISED:
            break
    return found


def evaluation(
    crystal: RigidCrystal, settings: PotentialSettings, **changed: float
) -> Callable[[], CellEnergy]:
    """Something to call for an energy with its gradient, some cutoffs changed."""
    tables = tables_of(crystal.bodies, PARAMETERS, settings)
    sites, pairs, cutoffs = tables.with_reach(crystal.images)
    values = {**cutoffs._asdict(), **changed}
    sums = sites, pairs, Cutoffs(**values)
    state = crystal.cell, crystal.centres, crystal.rotations
    return lambda: cell_energy(*state, crystal.images, sums)


def at_rank(crystal: RigidCrystal, rank: int) -> RigidCrystal:
    """The same crystal with lower multipoles only."""
    bodies = tuple(body.up_to(rank) for body in crystal.bodies)
    return replace(crystal, bodies=bodies)


def evaluations(crystal: RigidCrystal) -> None:
    """(a) One energy with its whole gradient."""
    whole = expanded(crystal)
    occ = occpy.CrystalEnergy(occ_setup(whole, CUTOFF, parameters=PARAMETERS))
    states, n = occ.initial_states(), crystal.n_molecules
    reference = best(lambda: occ.compute(states), repeats=5)
    print(f"\n(a) energy and gradient, ms\n{COLUMNS}")
    theirs = occ.compute(states).total_energy / n
    row("OCC, rank 4", reference, reference.cpu, f"{theirs:.3f} kJ/mol")
    for name, which in (
        ("csp, rank 4", crystal),
        ("csp, rank 4, symmetry not used", whole),
        ("csp, charges", at_rank(crystal, 0)),
    ):
        work = evaluation(which, LIKE_OCC)
        note = f"{work().energy / n:.3f} kJ/mol"
        row(name, best(work, calls=20), reference.cpu, note)


def minimisations(
    starts: Sequence[tuple[RigidCrystal, Minimisation]], model: ForceFieldModel
) -> None:
    """(b) Minimisations from the same starts to the same gradient."""
    tolerance = RELAXATION.largest_gradient_kj_per_mol_per_angstrom
    guide, tables = model.charges.tables, model.full.tables
    print(f"\n(b) minimisation with rank 4 to {tolerance:g} kJ/mol/Å, ms\n{COLUMNS}")
    theirs, ours = 0.0, 0.0
    for start, end in starts:
        result, spent = timed(partial(occ_minimised, start, tolerance))
        note = (
            f"{result.final_energy:.3f} kJ/mol, {result.function_evaluations} "
            f"evaluations: {result.termination_reason.lower()}"
        )
        row("OCC", spent, spent.cpu, note)
        own = best(partial(minimised, start, tables, RELAXATION, guide), calls=3)
        energy = end.energy / end.crystal.n_molecules
        note = f"{energy:.3f} kJ/mol, {end.n_evaluations} evaluations: {end.status}"
        row("csp", own, spent.cpu, note)
        whole = expanded(start)
        all_tables = tables_of(whole.bodies, PARAMETERS, LIKE_OCC)
        free, taken = timed(partial(minimised, whole, all_tables, RELAXATION))
        note = f"{free.energy / free.crystal.n_molecules:.3f} kJ/mol, "
        note += f"{free.n_evaluations} evaluations: {free.status}"
        row("csp, symmetry not used", taken, spent.cpu, note)
        theirs, ours = theirs + spent.cpu, ours + own.cpu
    print(f"  all: csp is {theirs / ours:.0f} times faster (goal 20)")


def occ_minimised(
    start: RigidCrystal, tolerance: float
) -> occpy.CrystalOptimizerResult:
    """OCC's default method (MSTMIN, that of DMACRYS), the cell free.

    Its tolerance is the root mean square over the coordinates; ours bounds each of
    them. It does not stop at a small change of energy.
    """
    settings = occpy.CrystalOptimizerSettings()
    settings.optimize_cell = True
    settings.gradient_tolerance, settings.energy_tolerance = tolerance, 0.0
    setup = occ_setup(expanded(start), CUTOFF, parameters=PARAMETERS)
    return occpy.CrystalOptimizer(setup, settings).optimize()


def search(model: ForceFieldModel, count: int) -> None:
    """(c) A search: draws in the usual space groups, two relaxations, duplicates."""
    groups, molecules = COMMON_SPACE_GROUPS, molecules_of(model)
    each = -(-count // len(groups))
    packings, drawing = timed(
        lambda: [p for g in groups for p in draws(g, each, molecules)]
    )
    first, approaching = timed(
        lambda: [approach(p, model, RELAXATION) for p in packings]
    )
    converged = [item for item in first if item.status is Status.CONVERGED]
    chosen, sorting = timed(partial(distinct_of, first, model))
    all_ends, refining_all = timed(partial(each_of, refine, converged, model))
    ends, refining = timed(partial(each_of, refine, chosen, model))
    valid, sorting_again = timed(partial(distinct_of, ends, model))
    final, settling = timed(partial(each_of, settle, valid, model))
    n_true = sum(not end.packing.has_left_symmetry for end in final)
    n_settled = sum(end.status is Status.CONVERGED for end in final)
    n_valid = sum(end.status is Status.CONVERGED for end in all_ends)
    begun = drawing.cpu + approaching.cpu
    comparing = sorting.cpu + sorting_again.cpu
    spent = begun + refining.cpu + comparing
    rates = (
        n_valid / (begun + refining_all.cpu),
        len(valid) / spent,
        n_settled / (spent + settling.cpu),
    )
    n = len(packings)
    print(
        f"\n(c) search: {n} draws in {len(groups)} space groups, four conformers\n"
        f"  draw     {n / drawing.cpu:9.1f} per core-second\n"
        f"  approach {n / approaching.cpu:9.1f} per core-second (goal 30), "
        f"{len(converged)} converged\n"
        f"  refine   {len(converged) / refining_all.cpu:9.1f} per core-second, "
        f"{n_valid} of {len(converged)} converged\n"
        f"  valid minima, all refined: {3600 * rates[0]:.0f} per CPU-hour "
        "(goal 10000)\n"
        f"  distinct valid minima: {3600 * rates[1]:.0f} per CPU-hour "
        f"({len(chosen)} refined, {len(valid)} distinct; comparing took "
        f"{comparing:.1f} of {spent:.1f} s)\n"
        f"  with their Hessians, saddle points left downhill: {3600 * rates[2]:.0f} "
        f"per CPU-hour ({n_true} were true minima, {n_settled} are in the end)\n"
        f"  {PUBLISHED}"
    )


def each_of(
    work: Callable[[Relaxation, ForceFieldModel, RelaxationSettings], Relaxation],
    starts: Sequence[Relaxation],
    model: ForceFieldModel,
) -> list[Relaxation]:
    """One step of the search, for many starts."""
    return [work(start, model, RELAXATION) for start in starts]


def distinct_of(ends: Sequence[Relaxation], model: ForceFieldModel) -> list[Relaxation]:
    """Without duplicates, as the search takes them out."""
    window = RELAXATION.first_window_kj_per_mol
    return distinct(ends, model.unit, ComparisonSettings(), window, silent)


def silent(_stage: str, _done: int, _total: int) -> None:
    """No progress is shown."""


def profile(crystal: RigidCrystal, rounds: int = 20) -> None:
    """(d) Parts of an evaluation at rank 4, found by leaving them out.

    The variants take turns, so that a busy machine slows all of them.
    """
    settings = PotentialSettings()
    works = {
        "whole": evaluation(crystal, settings),
        "no exp-6": evaluation(crystal, settings, cutoff=0.0, switch_on=-1.0),
        "no reciprocal": evaluation(crystal, settings, reciprocal=1e-6),
        "no Ewald": evaluation(crystal, settings, alpha=0.0, ewald=0.0),
        "no higher": evaluation(at_rank(crystal, 1), settings),
    }
    turns = [
        {name: best(work, 1, 20).cpu for name, work in works.items()}
        for _ in range(rounds)
    ]
    spent = {name: min(turn[name] for turn in turns) for name in works}
    whole = spent["whole"]
    parts = {
        "exp-6": whole - spent["no exp-6"],
        "Ewald, real space": spent["no reciprocal"] - spent["no Ewald"],
        "Ewald, reciprocal": whole - spent["no reciprocal"],
        "higher multipoles": whole - spent["no higher"],
    }
    parts["the rest"] = whole - sum(parts.values())
    print(f"\n(d) where {1e3 * whole:.2f} ms of an evaluation at rank 4 go")
    for name, part in parts.items():
        print(f"  {name:20s}{1e3 * part:7.3f} ms{100.0 * part / whole:6.0f} %")


def main(count: int) -> None:
    """Measure and print."""
    occpy.set_num_threads(1)
    like_occ = model_of(LIKE_OCC, CONFORMER)
    starts = crystals(like_occ)
    crystal = starts[0][1].crystal
    evaluations(crystal)
    minimisations(starts, like_occ)
    model = model_of(PotentialSettings())
    for packing in draws(GROUP, len(molecules_of(model)), molecules_of(model)):
        end = refine(approach(packing, model, RELAXATION), model, RELAXATION)
        settle(end, model, RELAXATION)  # compiles
    search(model, count)
    profile(crystal)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 440)
