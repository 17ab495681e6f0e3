"""Which crystals to compute: the rule of csp against random and lowest-first.

    python benchmarks/choice.py FILE.extxyz TARGET BASELINE PER UNIT [FIGURE.png]

A landscape whose energies are all known is corrected as if they had to be computed, at
a cost of (atoms in the cell)². Prints for every policy, at several parts of the full
cost: the mean absolute error of the crystals truly within 7.2 kJ/mol of the minimum
(computed ones count as zero), and how far the best computed crystal lies above the
minimum, kJ/mol; and where the rule would have stopped. Five repeats; one figure.
BASELINE may be none.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from csp.arrays import Indices, Matrix, Scalars
from csp.correction.acquisition import ChoiceSettings, Ladder, choose, first_choice
from csp.correction.feature_store import FeatureStore
from csp.correction.fidelity import Correction, LevelData
from csp.correction.kernels import ElementKernel
from csp.correction.pool import Energies, Per, Unit, make_pool
from csp.correction.stopping import Check, check, should_stop
from csp.correction.structures import Source, read_frames
from csp.randomness import generator_of

PARTS = (0.05, 0.1, 0.2, 0.4)
POLICIES = ("csp", "random", "lowest first")
REPEATS = 5
BATCH = 3
N_FIRST = 8


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Known:
    """A landscape that is known in full."""

    features: Matrix
    low: Scalars
    truth: Scalars
    density: Matrix
    costs: Scalars


@dataclass(frozen=True)
class Rehearsal:
    """One run of a policy: parts of the cost, errors, and distances of the best."""

    curve: Matrix
    stop: tuple[float, int, float] | None


def first(policy: str, known: Known, generator: np.random.Generator) -> Indices:
    """All crystals in the order of a policy; of the rule of csp the first few."""
    n = len(known.truth)
    if policy == "random":
        return generator.permutation(n)
    if policy == "lowest first":
        return np.argsort(known.low + 1e-6 * generator.random(n))
    # nothing in the first choice is random: leave some of the pool out of it
    shown = np.sort(generator.permutation(n)[: int(0.9 * n)])
    chosen = first_choice(
        known.features[shown], known.low[shown], known.costs[shown], N_FIRST
    )
    return shown[chosen]


def rehearse(policy: str, known: Known, repeat: int) -> Rehearsal:
    """Correct a landscape by one policy."""
    generator = generator_of("rehearsal", policy, repeat)
    near = known.truth <= known.truth.min() + ChoiceSettings().window
    order = first(policy, known, generator)
    rows = order[:N_FIRST]
    history: list[Check] = []
    curve, stop = [], None
    while True:
        data = LevelData(rows, known.truth[rows], np.zeros(len(rows)))
        fitted = Correction.fit(
            known.features, known.low, {"high": data}, linear=known.density
        )
        part = float(known.costs[rows].sum() / known.costs.sum())
        above = float(known.truth[rows].min() - known.truth.min())
        error = np.abs(fitted.posterior.mean - known.truth)[near].mean()
        curve.append((part, error, above))
        history.append(check(fitted.posterior.sample(500, generator), rows))
        if stop is None and should_stop(history):
            stop = (part, len(rows), above)
        if part > max(PARTS) or len(rows) == len(known.truth):
            return Rehearsal(np.array(curve), stop)
        new = order[len(rows) : len(rows) + BATCH]
        if policy == "csp":
            heights = np.isin(np.arange(len(known.truth)), rows).astype(int)
            posterior = fitted.posterior
            ladder = Ladder(posterior.mean, (posterior,), known.costs[None], heights)
            new = np.array([item.row for item in choose(ladder, BATCH, generator)])
        rows = np.concatenate([rows, new])


def read(file: str, target: str, baseline: str, per: str, unit: str) -> Known:
    """A landscape from a file."""
    frames, _ = read_frames(Source(Path(file)))
    below = None if baseline == "none" else baseline
    pool = make_pool(frames, Energies(target, below, Per(per), Unit(unit)), silent)
    return Known(
        ElementKernel().features(pool.crystals, FeatureStore(), silent),
        pool.baselines - pool.baselines.mean(),
        pool.targets - pool.targets.mean(),
        pool.densities[:, None],
        np.array([float(len(c.atomic_numbers)) ** 2 for c in pool.crystals]),
    )


def tell(policy: str, runs: list[Rehearsal]) -> None:
    """The table of one policy."""
    texts = []
    for part in PARTS:
        ends = [run.curve[run.curve[:, 0] <= part][-1:] for run in runs]
        done = np.concatenate(ends)
        if len(done):
            error, above = done[:, 1:].mean(axis=0)
            texts.append(f"{part:4.0%}: {error:.2f}, {above:.2f}")
    print(f"{policy:14s}", "   ".join(texts))
    for run in runs:
        if run.stop is None:
            print(f"    does not stop before {max(PARTS):.0%}")
        else:
            part, n, above = run.stop
            print(
                f"    stops at {part:.1%} with {n} computed, the best {above:.2f} above"
            )
    sys.stdout.flush()


def main(
    file: str, target: str, baseline: str, per: str, unit: str, *rest: str
) -> None:
    """All policies, their tables and their figure."""
    known = read(file, target, baseline, per, unit)
    grid = np.linspace(0.02, max(PARTS), 60)
    for policy in POLICIES:
        runs = [rehearse(policy, known, repeat) for repeat in range(REPEATS)]
        curves = [np.interp(grid, *run.curve[:, :2].T, left=np.nan) for run in runs]
        plt.plot(100.0 * grid, np.nanmean(curves, axis=0), label=policy)
        tell(policy, runs)
    plt.xlabel("cost, % of that of all crystals")
    plt.ylabel("mean absolute error near the minimum, kJ/mol")
    plt.legend()
    if rest:
        plt.savefig(rest[0], dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
