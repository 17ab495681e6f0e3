"""Which crystals to compute: the rule of csp against random and lowest-first.

    python benchmarks/choice.py FILE.extxyz TARGET BASELINE PER UNIT [FIGURE.png]

A landscape whose energies are all known is corrected as if they had to be computed, at
a cost of (atoms in the cell)². Prints, for every policy and part of the full cost, the
mean absolute error of the crystals truly within 7.2 kJ/mol of the minimum (computed ones
count as zero), how far the best computed crystal lies above the minimum, and where the
rule would have stopped; five repeats. Draws one figure.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from csp.correction.acquisition import ChoiceSettings, choose, first_choice
from csp.correction.feature_store import FeatureStore
from csp.correction.fidelity import Correction, LevelData
from csp.correction.kernels import ElementKernel
from csp.correction.pool import Energies, Per, Unit, make_pool
from csp.correction.stopping import check, should_stop
from csp.correction.structures import Source, read_frames

PARTS = (0.05, 0.1, 0.2, 0.4)
POLICIES = ("csp", "random", "lowest first")
REPEATS = 5
BATCH = 3
N_FIRST = 8


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def rehearsal(policy: str, phi, low, truth, density, costs, generator):
    """Parts of the cost, errors, regrets; and where the rule stops."""
    n = len(truth)
    near = truth <= truth.min() + ChoiceSettings().window
    order = generator.permutation(n) if policy == "random" else np.argsort(low)
    # the first choice has no chance in it: leave some of the pool out of it
    shown = np.sort(generator.permutation(n)[: int(0.9 * n)])
    known = (
        shown[first_choice(phi[shown], low[shown], costs[shown], N_FIRST)]
        if policy == "csp"
        else order[:N_FIRST]
    )
    rows, history, stop = [], [], None
    while True:
        data = LevelData(known, truth[known], np.zeros(len(known)))
        found = Correction.fit(phi, low, {"high": data}, linear=density).posterior
        part = costs[known].sum() / costs.sum()
        error = np.abs(found.mean - truth)[near].mean()
        regret = truth[known].min() - truth.min()
        rows.append((part, error, regret))
        history.append(check(found.sample(500, generator), known))
        if stop is None and should_stop(history):
            stop = (part, len(known), regret)
        if part > max(PARTS) and (stop or part > 0.9) or len(known) == n:
            return np.array(rows), stop
        if policy == "csp":
            new = choose(found, costs, known, BATCH, generator)
        else:
            new = order[len(known) : len(known) + BATCH]
        known = np.concatenate([known, new])


def main(
    file: str, target: str, baseline: str, per: str, unit: str, *rest: str
) -> None:
    """All policies, their table and their figure."""
    frames, _ = read_frames(Source(Path(file)))
    below = None if baseline == "none" else baseline
    pool = make_pool(frames, Energies(target, below, Per(per), Unit(unit)), silent)
    phi = ElementKernel().features(pool.crystals, FeatureStore(), silent)
    costs = np.array([float(len(c.atomic_numbers)) ** 2 for c in pool.crystals])
    truth = pool.targets - pool.targets.mean()
    low = pool.baselines - pool.baselines.mean()
    density = pool.densities[:, None]
    for policy in POLICIES:
        runs = [
            rehearsal(
                policy, phi, low, truth, density, costs, np.random.default_rng(seed)
            )
            for seed in range(REPEATS)
        ]
        grid = np.linspace(0.02, max(PARTS), 60)
        curves = np.array([np.interp(grid, r[:, 0], r[:, 1]) for r, _ in runs])
        plt.plot(100 * grid, curves.mean(axis=0), label=policy)
        texts = []
        for part in PARTS:
            last = [r[np.flatnonzero(r[:, 0] <= part)[-1:]] for r, _ in runs]
            done = np.concatenate(last)
            if len(done):
                texts.append(
                    f"{part:4.0%}: {done[:, 1].mean():.2f} / {done[:, 2].mean():.2f}"
                )
        print(f"{policy:14s}", "   ".join(texts))
        for stop in (stop for _, stop in runs):
            if stop:
                print(
                    f"    stops at {stop[0]:.1%}, {stop[1]} computed, {stop[2]:.2f} above"
                )
            else:
                print("    does not stop")
    plt.xlabel("cost, % of that of all crystals")
    plt.ylabel("mean absolute error near the minimum, kJ/mol")
    plt.legend()
    if rest:
        plt.savefig(rest[0], dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
