"""Iterations saved by starting a crystal from its molecules, and PBE0 from PBE.

    OMP_NUM_THREADS=1 python benchmarks/warm_starts.py FILE.cif [LEVEL]

One row a start: iterations, energy of the first guess above the converged one, CPU
seconds. The level is pbe-d4/fast by default; with a hybrid level the PBE iterations
that precede are counted apart.
"""

import sys
import tempfile
import time
from pathlib import Path

from csp.comparison.reading import read_crystal
from csp.reference.engine import Failure, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import PySCFLevel, built_in_levels, level_named
from csp.reference.pyscf_crystals import solved_crystal
from csp.reference.pyscf_systems import bounded, cell_of
from csp.units import KJ_PER_MOL_PER_HARTREE

MEMORY = 8.0
"""Gigabytes."""


def main(path: Path, name: str = "pbe-d4/fast") -> None:
    """Converge one crystal twice."""
    level = level_named(name, built_in_levels())
    if not isinstance(level, PySCFLevel):
        raise SystemExit(f"{name} is not computed by PySCF")
    crystal = read_crystal(path)
    mesh = kpoint_mesh(crystal.cell, level.k_spacing)
    print(f"{path.stem}, {level.name}, k-points {mesh}")
    print("start        iterations  before  first error, kJ/mol  CPU s")
    with tempfile.TemporaryDirectory() as folder:
        resources = Resources(cores=1, memory=MEMORY, scratch=Path(folder))
        cell = cell_of(crystal, level, resources)
        for start in ("molecules", "atoms"):
            began = time.process_time()
            with bounded(resources):
                field = solved_crystal(
                    crystal,
                    cell,
                    mesh,
                    level,
                    resources,
                    from_molecules=start == "molecules",
                )
            if isinstance(field, Failure):
                raise SystemExit(field.message)
            error = field.solution.first_error_hartree * KJ_PER_MOL_PER_HARTREE
            print(
                f"{start:10s}  {field.solution.n_iterations:11d}  "
                f"{field.notes.get('n_base_iterations', 0):6d}  {error:19.2f}  "
                f"{time.process_time() - began:5.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
