"""Ten thousand minima sorted into distinct crystals, and a thousand more.

The minima are real: those of the quick search of oxalic acid (made first, minutes),
each distinct one described again and again in other cells, orientations, hands and
orders, displaced, strained and shifted in energy as little as converged minima are. So
it is known which are one crystal. Beside it: how stable the groups are when thresholds
change, whether overlays of all pairs give the same, and pymatgen's StructureMatcher.

    python benchmarks/clustering.py [FOLDER] [N]

FOLDER is that of the search, finished or not.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher

from csp import runs
from csp import search as search_module
from csp.comparison import duplicates
from csp.comparison.duplicates import Candidate, DuplicateGroup, extend, unique
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.overlay import PackingMatch, Tolerances, compare_packings
from csp.comparison.settings import ComparisonSettings
from csp.comparison.shells import PackingShells, packing_shells
from csp.crystal import Crystal
from csp.geometry import quaternion_from_uniform, rotation_from_quaternion
from csp.packing.expansion import crystal_of
from csp.packing.plan import Tally
from csp.records import Relaxation, Status

ROOT = Path(__file__).parents[1]
SEARCH = ROOT / "data" / "oxalic_acid" / "landscape.toml"
SETTINGS = ComparisonSettings()
NOISE, STRAIN, ENERGY_NOISE = 0.01, 0.0005, 0.01
"""Å, relative and kJ/mol: how far copies of one minimum are from it."""


class Overlays:
    """Counts the overlays that are made."""

    def __init__(self) -> None:
        self.count = 0
        self._plain = duplicates.compare_packings
        duplicates.compare_packings = self

    def __call__(
        self, first: PackingShells, second: PackingShells, tolerances: Tolerances
    ) -> PackingMatch:
        """The same overlay, counted."""
        self.count += 1
        return self._plain(first, second, tolerances)

    def taken(self) -> int:
        """How many since the last question."""
        count, self.count = self.count, 0
        return count


def first_minima(folder: Path) -> tuple[list[Relaxation], dict[str, Crystal]]:
    """The converged first relaxations of the search, and their crystals."""
    run = runs.open_run(SEARCH, folder, ())
    search = search_module.prepare(run, _silent)
    tallies = [Tally() for _ in search.slots]
    wanted = [slot.n_minima for slot in search.slots]
    batches = search_module.batches(search, wanted, tallies)
    for batch in batches:
        search_module.do(search, batch)
    ends = [
        Relaxation.from_row(row)
        for batch in batches
        for row in run.store.read(batch.name)
    ]
    ends = [end for end in ends if end.status is Status.CONVERGED]
    crystals = {end.name: crystal_of(end.packing, search.unit) for end in ends}
    return ends, crystals


def _silent(stage: str, done: int, total: int) -> None:
    pass


def copy_of(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The same minimum as another relaxation might end in it."""
    change = np.eye(3, dtype=int)
    for _ in range(3):
        i, j = rng.choice(3, 2, replace=False)
        change[i] += rng.integers(-1, 2) * change[j]
    turn = rotation_from_quaternion(quaternion_from_uniform(rng.random(3)))
    turn = turn * rng.choice([-1.0, 1.0])
    strain = np.eye(3) + STRAIN * rng.standard_normal((3, 3))
    cell = change @ crystal.cell @ strain
    centres = np.array(
        [
            crystal.positions[crystal.molecule_of_atom == k].mean(axis=0)
            for k in range(crystal.n_molecules)
        ]
    )
    moves = centres @ strain - centres + rng.integers(-1, 2, centres.shape) @ cell
    positions = crystal.positions + moves[crystal.molecule_of_atom] + rng.random(3)
    positions = positions + NOISE / 3**0.5 * rng.standard_normal(positions.shape)
    order = rng.permutation(len(positions))
    return Crystal(
        cell @ turn.T,
        crystal.atomic_numbers[order],
        (positions @ turn.T)[order],
        crystal.molecule_of_atom[order],
        crystal.n_formula_units,
    )


def candidate(key: str, energy: float, crystal: Crystal) -> Candidate:
    """What is compared first."""
    return Candidate(key, energy, crystal.density, average_minimum_distances(crystal))


def timed(
    name: str, work: Callable[[], tuple[DuplicateGroup, ...]], overlays: Overlays
) -> tuple[DuplicateGroup, ...]:
    """Do it and say how long it took."""
    start, cpu = time.perf_counter(), time.process_time()
    groups = work()
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{name:42s} {len(groups):6d} groups {overlays.taken():6d} overlays "
        f"{spent:6.1f} s, CPU {cpu:.1f} s",
        flush=True,
    )
    return groups


def partition(groups: Sequence[DuplicateGroup]) -> list[tuple[str, ...]]:
    """The keys of each group."""
    return sorted(group.keys for group in groups)


def errors(groups: Sequence[DuplicateGroup], truth: dict[str, str]) -> tuple[int, int]:
    """Pairs of different crystals in one group, pairs of one crystal in two."""

    def pairs(counts: Counter) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    together = sum(pairs(Counter([0] * len(group.keys))) for group in groups)
    right = sum(pairs(Counter(truth[key] for key in group.keys)) for group in groups)
    members = Counter(truth[key] for group in groups for key in group.keys)
    return together - right, pairs(members) - right


def beside_pymatgen(crystals: dict[str, Crystal], pairs: list[tuple[str, str]]) -> None:
    """The same pairs by our overlay and by pymatgen's matcher."""
    matcher = StructureMatcher(scale=False, ignored_species=["H"])
    structures = {key: crystals[key].to_pymatgen() for pair in pairs for key in pair}
    start = time.process_time()
    theirs = [matcher.fit(structures[a], structures[b]) for a, b in pairs]
    their_time = 1000.0 * (time.process_time() - start) / len(pairs)
    start = time.process_time()
    shells = {key: packing_shells(crystals[key]) for key in structures}
    shell_time = 1000.0 * (time.process_time() - start) / len(shells)
    start = time.process_time()
    found = [compare_packings(shells[a], shells[b]) for a, b in pairs]
    our_time = 1000.0 * (time.process_time() - start) / len(pairs)
    ours = [match.same and match.rmsd <= 0.15 for match in found]
    print(
        f"{len(pairs)} pairs: pymatgen {their_time:.1f} ms a pair, ours {our_time:.2f}"
    )
    print(f"  and {shell_time:.2f} ms a crystal; (ours, theirs) are the same:")
    print(f"  {Counter(zip(ours, theirs, strict=True))}")


CHANGES: dict[str, dict[str, float]] = {
    "all overlaid, none sure": {"surely_same_angstrom": 0.0},
    "surely the same 0.01 Å": {"surely_same_angstrom": 0.01},
    "surely the same 0.05 Å": {"surely_same_angstrom": 0.05},
    "surely different 0.2 Å": {"surely_different_angstrom": 0.2},
    "energies within 0.05 kJ/mol": {"energy_window_kj_per_mol": 0.05},
    "energies within 0.2 kJ/mol": {"energy_window_kj_per_mol": 0.2},
    "densities within 1 %": {"density_window_percent": 1.0},
    "RMSD below 0.30 Å": {"duplicate_rmsd_angstrom": 0.30},
}


def of_the_search(
    ends: list[Relaxation], crystals: dict[str, Crystal], overlays: Overlays
) -> list[Candidate]:
    """The distinct minima of the search, and how they depend on the thresholds."""
    start = time.perf_counter()
    minima = [
        candidate(key, end.lattice_energy, crystals[key])
        for key, end in zip(crystals, ends, strict=True)
    ]
    print(
        f"{len(minima)} minima of the search: AMD {time.perf_counter() - start:.1f} s"
    )
    known = timed(
        "as the search found them",
        lambda: unique(minima, crystals.__getitem__, SETTINGS),
        overlays,
    )
    for name, change in CHANGES.items():
        changed = SETTINGS.model_copy(update=change)
        groups = timed(
            name,
            lambda changed=changed: unique(minima, crystals.__getitem__, changed),
            overlays,
        )
        common = len(set(partition(groups)) & set(partition(known)))
        print(f"  {common} of {len(known)} groups unchanged")
    return [group.representative for group in known]


def main(folder: Path, count: int) -> None:
    """Measure and print."""
    overlays = Overlays()
    ends, crystals = first_minima(folder)
    candidate("", 0.0, next(iter(crystals.values())))  # compiles
    sources = of_the_search(ends, crystals, overlays)
    rng = np.random.default_rng(1)
    chosen = [*range(len(sources)), *rng.integers(0, len(sources), count)]
    truth, copies, energies = {}, {}, {}
    for number, which in enumerate(chosen[: count + 1000]):
        source, key = sources[which], f"m{number:06d}"
        truth[key] = source.key
        copies[key] = copy_of(crystals[source.key], rng)
        energies[key] = source.lattice_energy + ENERGY_NOISE * rng.uniform(-1.0, 1.0)
    start, cpu = time.perf_counter(), time.process_time()
    made = [candidate(key, energies[key], copies[key]) for key in copies]
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{len(made)} copies of {len(sources)}: AMD {spent:.1f} s, CPU {cpu:.1f} s")
    shuffled = [made[k] for k in rng.permutation(len(made))]
    first, more = shuffled[:count], shuffled[count:]
    groups = timed(
        f"{count} minima", lambda: unique(first, copies.__getitem__, SETTINGS), overlays
    )
    print("  wrongly together, wrongly apart (pairs):", errors(groups, truth))
    both = timed(
        f"{len(more)} more",
        lambda: extend(groups, more, copies.__getitem__, SETTINGS),
        overlays,
    )
    print("  wrongly together, wrongly apart (pairs):", errors(both, truth))
    whole = timed(
        "all at once", lambda: unique(made, copies.__getitem__, SETTINGS), overlays
    )
    common = len(set(partition(whole)) & set(partition(both)))
    print(f"  {common} of {len(whole)} groups are those of the two instalments")

    ranked = sorted(sources, key=lambda one: one.lattice_energy)[:300:3]
    pairs = [(a.key, b.key) for a, b in pairwise(ranked)]
    pairs += [(one.key, f"{one.key}'") for one in ranked]
    doubles = {f"{one.key}'": copy_of(crystals[one.key], rng) for one in ranked}
    beside_pymatgen(crystals | doubles, pairs)


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "runs/oxalic_acid_quick"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 10_000,
    )
