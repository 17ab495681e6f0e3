"""Crystals of whole molecules, and their way to and from other programs."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, chemical_symbols
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from csp.arrays import AtomicNumbers, Cell, Indices, Positions, read_only
from csp.geometry import parameters_from_cell, volume
from csp.units import GRAMS_PER_CM3_PER_DALTON_PER_ANGSTROM3
from csp.viewing.scene import framed, scene


@dataclass(frozen=True, eq=False, slots=True)
class Crystal:
    """One unit cell, all its molecules unbroken.

    Attributes:
        cell: Lattice vectors as rows, Å.
        atomic_numbers: Of each atom in the cell.
        positions: Cartesian, Å; atoms of one molecule lie together, so some may lie
            outside the cell.
        molecule_of_atom: Index of the molecule that each atom belongs to, from 0.
        n_formula_units: Formula units in the cell.
    """

    cell: Cell
    atomic_numbers: AtomicNumbers
    positions: Positions
    molecule_of_atom: Indices
    n_formula_units: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell", read_only(self.cell))
        object.__setattr__(self, "atomic_numbers", read_only(self.atomic_numbers, int))
        object.__setattr__(self, "positions", read_only(self.positions))
        object.__setattr__(
            self, "molecule_of_atom", read_only(self.molecule_of_atom, int)
        )

    @property
    def n_molecules(self) -> int:
        """Molecules in the cell."""
        return int(self.molecule_of_atom.max()) + 1

    @property
    def density(self) -> float:
        """Density, g/cm³."""
        mass = float(atomic_masses[self.atomic_numbers].sum())
        return GRAMS_PER_CM3_PER_DALTON_PER_ANGSTROM3 * mass / volume(self.cell)

    def to_ase(self) -> Atoms:
        """The crystal as ASE atoms, wrapped into the cell."""
        atoms = Atoms(
            self.atomic_numbers, positions=self.positions, cell=self.cell, pbc=True
        )
        atoms.wrap()
        return atoms

    def to_pymatgen(self) -> Structure:
        """The crystal as a pymatgen structure."""
        return Structure(
            Lattice(self.cell),
            self.atomic_numbers.tolist(),
            np.array(self.positions),
            coords_are_cartesian=True,
            to_unit_cell=True,
        )

    def _repr_html_(self) -> str:
        """The unit cell in three dimensions, for notebooks; works offline."""
        lengths = parameters_from_cell(self.cell)
        caption = (
            f"a, b, c = {', '.join(f'{value:.2f}' for value in lengths[:3])} Å; "
            f"α, β, γ = {', '.join(f'{value:.1f}' for value in lengths[3:])}°; "
            f"{self.n_formula_units} formula units; {self.density:.3f} g/cm³"
        )
        symbols = {chemical_symbols[number] for number in self.atomic_numbers}
        return framed(scene(str(CifWriter(self.to_pymatgen())), symbols, caption))
