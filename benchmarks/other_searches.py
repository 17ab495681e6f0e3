"""What another program's search found, and whether csp found it too.

Every structure of a published landscape (extended XYZ, full cells) is rebuilt from our
rigid molecule, minimised with our force field, and checked by its Hessian; the distinct
minima within 10 kJ/mol of the lowest are kept in a folder. Finished structures are kept
too, so that the command goes on where it was stopped:

    python benchmarks/other_searches.py relax LANDSCAPE.extxyz CONFORMER.cif FOLDER

The output folders of csp searches of the same molecule are then set beside them:

    python benchmarks/other_searches.py compare FOLDER SEARCH [SEARCH…]

Two minima are one if their energies differ by less than 0.2 kJ/mol and 15 of 15
molecules overlay, polar hydrogens included, with an RMSD below 0.25 Å.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.io import iread

from csp import runs
from csp.comparison.duplicates import Candidate, unique
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import compare_packings
from csp.comparison.reading import read_crystal
from csp.comparison.settings import ComparisonSettings
from csp.comparison.shells import Hydrogens, packing_shells
from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text
from csp.conformers.monomers import gas_phase_conformers
from csp.conformers.reading import read_molecule
from csp.conformers.settings import MoleculeSettings
from csp.crystal import Crystal
from csp.errors import InputError
from csp.lattice.fitting import fitted, relaxed
from csp.potentials.bodies import RigidMolecule, rigid_molecule
from csp.potentials.settings import PotentialSettings
from csp.relaxation.settings import RelaxationSettings
from csp.report.tables import read_csv

THREADS = 2
WINDOW = 10.0
"""kJ/mol above the lowest."""
MARGIN = 4.0
"""kJ/mol; minima this far above the window are checked by their Hessian as well."""
SAME_ENERGY, SAME_PLACE = 0.2, 0.25
COMPARISON = ComparisonSettings()


def conformer(path: Path) -> RigidMolecule:
    """The molecule of a crystal as the default force field sees it."""
    wanted = MoleculeSettings(source=path.name, name=path.stem, conformers="as_given")
    molecule = read_molecule(path.name, path.parent, path.stem, 0)
    found = gas_phase_conformers(
        molecule, wanted, path.parent, runs.cache_folder(), lambda *_: None
    )
    return rigid_molecule(found.conformers[0], PotentialSettings())


def to_row(crystal: Crystal) -> dict:
    """A crystal as JSON values."""
    return {
        "cell": np.array(crystal.cell).tolist(),
        "numbers": crystal.atomic_numbers.tolist(),
        "positions": np.array(crystal.positions).tolist(),
    }


def from_row(row: dict) -> Crystal:
    """What :func:`to_row` wrote."""
    numbers = np.array(row["numbers"], dtype=int)
    return crystal_of_atoms(np.array(row["cell"]), numbers, np.array(row["positions"]))


def relaxed_row(start: dict, molecule: RigidMolecule, *, settles: bool) -> dict:
    """A structure with our molecule at our minimum, or why it has none."""
    row = {key: start[key] for key in ("name", "published", "group")}
    try:
        given = fitted(from_row(start), [molecule], PotentialSettings())
        end = relaxed(given, RelaxationSettings(), settles=settles)
    except InputError as error:
        return row | {"status": str(error)}
    return row | {
        "status": end.status.value,
        "energy": end.lattice_energy,
        "lost_symmetry": end.has_lost_symmetry,
        "misfit": given.largest_misfit,
        **to_row(end.crystal),
    }


def done_all(
    starts: list[dict], molecule: RigidMolecule, kept: Path, *, settles: bool
) -> list[dict]:
    """All structures relaxed; what an earlier run has finished is taken from a file."""
    lines = kept.read_text().splitlines() if kept.exists() else []
    rows = {row["name"]: row for row in map(json.loads, lines)}
    missing = [start for start in starts if start["name"] not in rows]

    def work(start: dict) -> dict:
        return relaxed_row(start, molecule, settles=settles)

    with ThreadPoolExecutor(THREADS) as pool, kept.open("a") as file:
        for done, row in enumerate(pool.map(work, missing), start=1):
            rows[row["name"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            if done % 20 == 0 or done == len(missing):
                print(f"{kept.stem} {done}/{len(missing)}", flush=True)
    return [rows[start["name"]] for start in starts]


def distinct(rows: list[dict], window: float) -> list[dict]:
    """The distinct ones within a window of the lowest, lowest first."""
    converged = [row for row in rows if row["status"] == "converged"]
    lowest = min(row["energy"] for row in converged)
    named = {row["name"]: row for row in converged if row["energy"] < lowest + window}
    crystals = {name: from_row(row) for name, row in named.items()}
    candidates = [
        Candidate(
            name,
            named[name]["energy"],
            crystal.density,
            average_minimum_distances(crystal),
        )
        for name, crystal in crystals.items()
    ]
    groups = unique(candidates, lambda name: crystals[name], COMPARISON)
    return [named[group.representative.key] for group in groups]


def relax(landscape: Path, crystal: Path, folder: Path) -> None:
    """Minimise a published landscape and keep its distinct minima."""
    molecule = conformer(crystal)
    starts = [
        {
            "name": f"{k:04d}-{atoms.info['name']}",
            "published": float(atoms.info["energy_title_kJmol"]),
            "group": str(atoms.info["spacegroup_file"]),
            "cell": atoms.cell.array.tolist(),
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
        }
        for k, atoms in enumerate(iread(landscape, ":"))
    ]
    starts.sort(key=lambda start: start["published"])
    folder.mkdir(parents=True, exist_ok=True)
    first = done_all(starts, molecule, folder / "relaxed.jsonl", settles=False)
    print(Counter(row["status"] for row in first))
    chosen = distinct(first, WINDOW + MARGIN)
    print(f"{len(chosen)} distinct within {WINDOW + MARGIN:g} kJ/mol")
    second = done_all(chosen, molecule, folder / "settled.jsonl", settles=True)
    print(Counter((row["status"], row.get("lost_symmetry")) for row in second))
    minima = distinct(second, WINDOW)
    for row in minima:
        found = find_symmetry(from_row(row))
        row |= {"space_group": found.symbol, "z_prime": found.z_prime}
        comment = f"lattice energy {row['energy']:.4f} kJ/mol"
        (folder / f"{row['name']}.cif").write_text(
            cif_text(found, row["name"], [comment])
        )
    (folder / "minima.json").write_text(json.dumps(minima, indent=1))
    print(f"{len(minima)} distinct minima within {WINDOW:g} kJ/mol of the lowest")
    print(Counter((row["space_group"], round(row["z_prime"], 4)) for row in minima))


class Minimum(NamedTuple):
    """One that csp found.

    Attributes:
        energy: Lattice energy, kJ/mol.
        path: Its CIF file.
    """

    energy: float
    path: Path

    def is_near(self, energy: float) -> bool:
        """Whether it may be the minimum of this energy."""
        return abs(self.energy - energy) < SAME_ENERGY


def minima_of(search: Path) -> list[Minimum]:
    """The landscape of a csp search, the lowest first."""
    files = {
        path.stem.split("_", 1)[1]: path for path in search.glob("structures/*.cif")
    }
    return [
        Minimum(row.lattice_energy_kj_per_mol, files[row.id])
        for row in read_csv(search / "landscape.csv")
    ]


def distinct_minima(minima: Sequence[Minimum]) -> list[Minimum]:
    """Those of several searches once; of the lowest ``WINDOW``, as energies allow."""
    ends = min(minimum.energy for minimum in minima) + WINDOW
    kept: list[Minimum] = []
    for minimum in sorted(minima):
        if minimum.energy > ends + SAME_ENERGY:
            break
        near = [other for other in kept if other.is_near(minimum.energy)]
        if not any(
            same(shells_of_file(minimum.path), shells_of_file(other.path))
            for other in near
        ):
            kept.append(minimum)
    return kept


def compare(folder: Path, *searches: Path) -> None:
    """Which of another search's minima csp searches have, and the other way round."""
    theirs = json.loads((folder / "minima.json").read_text())
    ours = distinct_minima(
        [minimum for search in searches for minimum in minima_of(search)]
    )
    lowest = min(ours[0].energy, theirs[0]["energy"])
    matched, found = set(), 0
    for row in theirs:
        own = shells_of(from_row(row))
        hits = [
            minimum
            for minimum in ours
            if minimum.is_near(row["energy"])
            and same(own, shells_of_file(minimum.path))
        ]
        matched.update(hits)
        found += bool(hits)
        if not hits:
            print(
                f"missing {row['name']}: {row['energy'] - lowest:.2f} kJ/mol above the "
                f"lowest, {row['space_group']} Z' {row['z_prime']:.4g} "
                f"(published {row['group']}, {row['published']:.2f} kJ/mol)"
            )
    within = [minimum for minimum in ours if minimum.energy < lowest + WINDOW]
    more = [minimum for minimum in within if minimum not in matched]
    print(
        f"lowest: theirs {theirs[0]['energy']:.3f}, ours {ours[0].energy:.3f} kJ/mol\n"
        f"csp has {found} of {len(theirs)} minima within {WINDOW:g} kJ/mol, and "
        f"{len(more)} more ({len(within)} in all)"
    )


def shells_of(crystal: Crystal):  # noqa: ANN201
    """Ready for an overlay, polar hydrogens included."""
    return packing_shells(crystal, COMPARISON.n_molecules, Hydrogens.POLAR)


@cache
def shells_of_file(path: Path):  # noqa: ANN201
    """The same of a CIF file."""
    return shells_of(read_crystal(path))


def same(first, second) -> bool:  # noqa: ANN001
    """Whether two packings are one."""
    match = compare_packings(first, second, COMPARISON.tolerances)
    return match.same and match.rmsd < SAME_PLACE


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["relax", landscape, crystal, folder]:
            relax(Path(landscape), Path(crystal), Path(folder))
        case ["compare", folder, search, *others]:
            compare(*map(Path, [folder, search, *others]))
        case _:
            raise SystemExit(__doc__)
