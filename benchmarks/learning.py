"""How long corrections take: features, kernel, learning, prediction, ranking, choice.

    python benchmarks/learning.py [N ...]

Crystals are made from the two known forms of oxalic acid by moving and turning their
molecules and straining their cells at random (so they have no symmetry: the worst
case). A tenth of them, at most 300, have labels. Prints CPU seconds of every part.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from csp.comparison.reading import read_crystal
from csp.correction.acquisition import Ladder, choose
from csp.correction.domain import near_duplicates
from csp.correction.feature_store import FeatureStore
from csp.correction.fidelity import Correction, LevelData
from csp.correction.kernels import ElementKernel
from csp.crystal import Crystal
from csp.geometry import rotation_from_vector
from csp.ranking import rank
from csp.records import Progress

DATA = Path(__file__).parents[1] / "data" / "oxalic_acid"
MOST_LABELS = 300


def disturbed(crystal: Crystal, generator: np.random.Generator) -> Crystal:
    """Molecules moved by some 0.3 Å, turned by some 10°, the cell strained by 3 %."""
    strain = np.eye(3) + 0.03 * generator.normal(size=(3, 3))
    positions = np.array(crystal.positions)
    for molecule in range(crystal.n_molecules):
        own = crystal.molecule_of_atom == molecule
        centre = positions[own].mean(axis=0)
        turn = rotation_from_vector(0.17 * generator.normal(size=3))
        moved = centre @ strain + 0.3 * generator.normal(size=3)
        positions[own] = (positions[own] - centre) @ turn.T + moved
    return Crystal(
        crystal.cell @ strain,
        crystal.atomic_numbers,
        positions,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def timed(n: int, progress: Progress = silent) -> None:
    """Run all parts on n crystals and print their CPU seconds."""
    generator = np.random.default_rng(1)
    known = [read_crystal(DATA / f"{name}.cif") for name in ("alpha", "beta")]
    crystals = [disturbed(known[k % 2], generator) for k in range(n)]
    marks = [("", time.process_time(), time.perf_counter())]

    def mark(part: str) -> None:
        marks.append((part, time.process_time(), time.perf_counter()))

    phi = ElementKernel().features(crystals, FeatureStore(), progress)
    mark("features")
    groups = near_duplicates(phi)
    mark("near-duplicates")
    truth = phi @ generator.normal(size=phi.shape[1]) + 0.1 * generator.normal(size=n)
    rows = generator.choice(n, min(n // 10, MOST_LABELS), replace=False)
    low = generator.normal(size=n)
    data = LevelData(rows, low[rows] + truth[rows], np.zeros(len(rows)))
    density = np.array([[crystal.density] for crystal in crystals])
    posterior = Correction.fit(phi, low, {"high": data}, linear=density).posterior
    mark("learning, prediction")
    rank(posterior.sample(1000, generator))
    mark("ranking")
    costs = np.array([float(len(c.atomic_numbers)) ** 2 for c in crystals])
    heights = np.isin(np.arange(n), rows).astype(int)
    choose(Ladder(posterior.mean, (posterior,), costs[None], heights), 8, generator)
    mark("choice of 8")
    print(
        f"{n} crystals, {len(rows)} labels, {phi.shape[1]} features, "
        f"{len(set(groups.tolist()))} groups"
    )
    for (_, cpu, wall), (part, cpu_end, wall_end) in pairwise(marks):
        print(f"  {part:22s} {cpu_end - cpu:8.2f} CPU-s {wall_end - wall:8.2f} s")
    print(f"  {'all':22s} {marks[-1][1] - marks[0][1]:8.2f} CPU-s", flush=True)


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ("500", "10000")):
        timed(count)
