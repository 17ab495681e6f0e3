"""Packings drawn, pressed and relaxed (charges) per core-second, beside PyXtal's.

Oxalic acid (its crystal conformer) in P2₁/c, Z′ = 1. PyXtal's ``from_random`` is asked
for the same molecule, space group and volume per molecule. CPU seconds of this process,
both in one run:

    python benchmarks/packing_rate.py [N]
"""

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from csp.conformers.monomers_file import read_monomers
from csp.geometry import volume
from csp.packing.placement import Place, expected_volume, place
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import Component, FormulaUnit, rigid_molecule
from csp.potentials.settings import PotentialSettings
from csp.records import CrystalKey, Packing, Status
from csp.relaxation.rigid_body import approach, force_field_model, press
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import space_group

GROUP, SITE = 14, "e"
DATA = Path(__file__).parents[1] / "data" / "oxalic_acid"


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that a call takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(count: int) -> None:
    """Measure and print."""
    conformers = read_monomers(DATA / "monomers.json").conformers
    conformer = next(item for item in conformers if item.label == "3")
    potential, settings = PotentialSettings(), RelaxationSettings()
    molecule = rigid_molecule(conformer, potential)
    unit = FormulaUnit((Component(1, (molecule,)),))
    model = force_field_model(unit, potential, settings)
    places = [Place(space_group(GROUP).site(SITE), (molecule,), (1,))]
    packing_settings = PackingSettings()

    def draw() -> list[Packing]:
        rows = sobol_points(1, "benchmark", 0, count)
        return [
            place(
                CrystalKey(GROUP, SITE, index),
                as_point(row),
                places,
                packing_settings,
            )
            for index, row in enumerate(rows)
        ]

    packings = draw()
    approach(packings[0], model, settings)  # compiles
    press(packings[0], model, settings)
    drawn = seconds(draw)
    start = time.process_time()
    pressed = [press(packing, model, settings) for packing in packings]
    pressing = time.process_time() - start
    start = time.process_time()
    ends = [approach(packing, model, settings) for packing in packings]
    relaxing = time.process_time() - start
    converged = sum(end.status is Status.CONVERGED for end in ends)
    atoms = conformer.molecule.atomic_numbers
    start_volume = statistics.mean(volume(item.cell) / 4 for item in packings)
    pressed_volume = statistics.mean(volume(item.cell) / 4 for item in pressed)
    final_volume = statistics.mean(volume(end.packing.cell) / 4 for end in ends)
    print(f"expected volume of a molecule {expected_volume(atoms):.1f} Å³")
    print(f"csp draw           {count / drawn:8.0f} /s at {start_volume:.0f} Å³")
    print(
        f"csp draw and press {count / (drawn + pressing):8.1f} /s, "
        f"to {pressed_volume:.0f} Å³"
    )
    print(
        f"csp draw, approach {count / (drawn + relaxing):8.1f} /s, to minima of "
        f"{final_volume:.0f} Å³, {converged} of {count} converged"
    )
    for target in (start_volume, pressed_volume):
        valid, spent = pyxtal_rate(conformer.molecule.symbols, molecule.atoms, target)
        rate = f"{valid / spent:8.1f} /s" if valid else "    none"
        print(f"PyXtal from_random {rate} valid at {target:.0f} Å³ ({spent:.0f} s)")


def pyxtal_rate(
    symbols: list[str], positions: np.ndarray, target: float, budget: float = 20.0
) -> tuple[int, float]:
    """Valid packings PyXtal makes at a volume per molecule, and CPU seconds spent."""
    from pyxtal import pyxtal

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "molecule.xyz"
        write(file, Atoms(symbols, positions))
        crystal = pyxtal(molecular=True)
        crystal.from_random(3, GROUP, [str(file)], [4], random_state=0)
        default = crystal.lattice.volume / 4 if crystal.valid else 178.0
        valid, start = 0, time.process_time()
        while time.process_time() - start < budget:
            crystal = pyxtal(molecular=True)
            crystal.from_random(
                3,
                GROUP,
                [str(file)],
                [4],
                factor=target / default,
                random_state=valid + 1,
            )
            valid += crystal.valid
        return valid, time.process_time() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
