"""The corrections tried on a file of crystals with energies."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from csp.conformers.calculations import Calculations
from csp.correction.domain import near_duplicates
from csp.correction.feature_store import FeatureStore
from csp.correction.force_field_baseline import force_field_energies
from csp.correction.kernels import CrystalKernel, ElementKernel
from csp.correction.learning_curve import (
    CurveSettings,
    Point,
    learning_curve,
    possible_sizes,
)
from csp.correction.pool import Energies, Pool, make_pool
from csp.correction.structures import Source, read_frames
from csp.records import Progress

NO_BASELINE = "none"
FORCE_FIELD = "forcefield"
"""Name of the baseline that csp computes itself."""


@dataclass(frozen=True, slots=True)
class Folders:
    """What is kept between runs.

    Attributes:
        calculations: Folder of quantum-chemical calculations.
        descriptors: Folder of descriptors; None for none.
    """

    calculations: Path
    descriptors: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A learning curve, and what it is of.

    Attributes:
        title: One line.
        n_structures: Crystals that were used.
        n_groups: Groups of near-duplicates among them.
        energies: What was learned.
        baseline: What it was learned as a correction of.
        curve: One point a number of training crystals.
        seconds: Of each part of the work.
        notes: What was assumed, left out or changed.
    """

    title: str
    n_structures: int
    n_groups: int
    energies: Energies
    baseline: str
    curve: tuple[Point, ...]
    seconds: dict[str, float]
    notes: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "n_structures": self.n_structures,
            "n_groups": self.n_groups,
            "target": self.energies.target,
            "baseline": self.baseline,
            "per": str(self.energies.per),
            "unit": str(self.energies.unit),
            "curve": [_point(point) for point in self.curve],
            "seconds": {part: round(s, 3) for part, s in self.seconds.items()},
            "notes": list(self.notes),
        }


def _point(point: Point) -> dict[str, Any]:
    quality = point.quality
    return {
        "n_train": point.n_train,
        "n_test": point.n_test,
        "mae_kj_per_mol": quality.mae,
        "mae_standard_error_kj_per_mol": point.mae_error,
        "mae_mean_baseline_kj_per_mol": point.mae_constant,
        "mae_density_baseline_kj_per_mol": point.mae_density,
        "rmse_kj_per_mol": quality.rmse,
        "spearman": point.spearman,
        "spearman_baseline": point.spearman_baseline,
        **{f"coverage_{level}": part for level, part in quality.coverage.items()},
        "nll": quality.nll,
        "seconds": point.seconds,
    }


def try_on(
    source: Source,
    energies: Energies,
    settings: CurveSettings,
    folders: Folders,
    progress: Progress,
) -> Outcome:
    """Learning curve on a file of crystals.

    Args:
        source: The file, and what is joined with it.
        energies: What to learn.
        settings: Numbers of training crystals, splits and their seed.
        folders: What is kept between runs.
        progress: Told of every stage.
    """
    times = {"start": time.perf_counter()}
    frames, notes = read_frames(source)
    is_own = energies.baseline == FORCE_FIELD
    pool = make_pool(
        frames, replace(energies, baseline=None) if is_own else energies, progress
    )
    times["reading"] = time.perf_counter()
    if is_own:
        pool = _above_force_field(pool, folders, progress)
        times["force field"] = time.perf_counter()
    kernel: CrystalKernel = ElementKernel()
    features = kernel.features(
        pool.crystals, FeatureStore(folders.descriptors), progress
    )
    groups = near_duplicates(features)
    times["features"] = time.perf_counter()
    sizes, clipped = possible_sizes(settings.sizes, int(groups.max()) + 1)
    settings = CurveSettings(sizes, settings.repeats, settings.seed)
    curve = learning_curve(pool, features, groups, settings, progress)
    times["learning"] = time.perf_counter()
    stamps = list(times.items())
    n_groups = int(groups.max()) + 1
    return Outcome(
        title=_title(source, pool, energies),
        n_structures=len(pool.names),
        n_groups=n_groups,
        energies=energies,
        baseline=energies.baseline or NO_BASELINE,
        curve=curve,
        seconds={
            part: stamp - stamps[index][1]
            for index, (part, stamp) in enumerate(stamps[1:])
        },
        notes=(*notes, *pool.notes, *_groups_note(n_groups, len(pool.names)), *clipped),
    )


def _above_force_field(pool: Pool, folders: Folders, progress: Progress) -> Pool:
    """The pool with the energies of csp's force field as its baseline."""
    calculations = Calculations(folders.calculations)
    energies, notes = force_field_energies(pool.crystals, calculations, progress)
    return replace(pool, baselines=energies).noting(*notes)


def _title(source: Source, pool: Pool, energies: Energies) -> str:
    above = (
        "its mean, linear in the density"
        if energies.baseline is None
        else f"{energies.baseline}, linear in it and in the density"
    )
    return (
        f"{source.file}: {len(pool.names)} crystals, {energies.target} (given per "
        f"{energies.per}) above {above}; kJ/mol per formula unit, crystals left out"
    )


def _groups_note(n_groups: int, n_crystals: int) -> tuple[str, ...]:
    if n_groups == n_crystals:
        return ()
    return (
        f"{n_crystals - n_groups} near-duplicates of others are kept on the same side "
        "of every split",
    )
