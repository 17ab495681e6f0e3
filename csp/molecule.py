"""Molecules, and their conformers with what quantum chemistry says of them."""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from csp.arrays import (
    AtomicNumbers,
    Bonds,
    Moments,
    Positions,
    Scalars,
    Vectors,
    read_only,
)
from csp.geometry import centre_of


@dataclass(frozen=True, eq=False, slots=True)
class Molecule:
    """Bonded atoms in one geometry.

    Attributes:
        atomic_numbers: Of each atom.
        positions: Å.
        bonds: Pairs of bonded atoms.
        charge: Total charge, e.
        name: What the user calls it.
    """

    atomic_numbers: AtomicNumbers
    positions: Positions
    bonds: Bonds
    charge: int
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "atomic_numbers", read_only(self.atomic_numbers, int))
        object.__setattr__(self, "positions", read_only(self.positions))
        bonds = np.sort(np.asarray(self.bonds, dtype=int).reshape(-1, 2), axis=1)
        object.__setattr__(self, "bonds", read_only(bonds, int))

    @property
    def symbols(self) -> list[str]:
        """Chemical symbol of each atom."""
        return [chemical_symbols[z] for z in self.atomic_numbers]

    @property
    def masses(self) -> Scalars:
        """Mass of each atom, dalton."""
        return np.asarray(atomic_masses[self.atomic_numbers])

    def at(self, positions: Positions) -> "Molecule":
        """The same molecule in another geometry."""
        return Molecule(
            self.atomic_numbers, positions, self.bonds, self.charge, self.name
        )

    def centred(self) -> "Molecule":
        """The same geometry with its centre of mass at the origin."""
        return self.at(self.positions - centre_of(self.positions, self.masses))


@dataclass(frozen=True, eq=False, slots=True)
class ElectrostaticPotential:
    """A sample of the electrostatic potential around a molecule.

    Attributes:
        points: Å, in the frame of the molecule's positions.
        values: kJ/mol per unit charge.
    """

    points: Vectors
    values: Scalars

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", read_only(self.points))
        object.__setattr__(self, "values", read_only(self.values))


@dataclass(frozen=True, eq=False, slots=True)
class Multipoles:
    """Distributed multipole moments of a molecule, on its nuclei.

    Q_lκ = Σ_i q_i R_lκ(r_i − r_atom) with Racah-normalised regular solid harmonics:
    Q10 = μ_z, Q11c = μ_x, Q11s = μ_y, Q20 = Σ q (3z² − r²) / 2, and so on.

    Attributes:
        moments: Of each atom about its nucleus, up to the hexadecapole, in the frame of
            the molecule's positions, e Å^l; in the order Q00, Q10, Q11c, Q11s, Q20,
            Q21c, Q21s, Q22c, Q22s, … Q44s.
        level: Level of theory of the density, as text (``PBE0/6-311G(d,p)``).

    References:
        Stone, The Theory of Intermolecular Forces, 2nd ed. (2013), ch. 2.
    """

    moments: Moments
    level: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "moments", read_only(self.moments))


@dataclass(frozen=True, eq=False, slots=True)
class Conformer:
    """A gas-phase minimum of a molecule, and what it costs to take its shape.

    Attributes:
        label: Its name within the run: "1" is the lowest in the gas phase.
        molecule: The optimised geometry, centre of mass at the origin.
        relative_energy: Above the lowest conformer at the same level, kJ/mol.
        potential: Sample of its electrostatic potential.
        multipoles: Multipole moments on its nuclei.
        level: Level of theory of geometry and energy, as text.
    """

    label: str
    molecule: Molecule
    relative_energy: float
    potential: ElectrostaticPotential
    multipoles: Multipoles
    level: str
