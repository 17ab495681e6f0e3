"""Conformers as JSON values that keep every bit, for the processes of one run.

A ``monomers.json`` is for reading and has limited digits. A run whose conformers were
computed keeps them in its store as they are, so that every process on every machine
relaxes the very same molecules.
"""

from dataclasses import fields
from typing import Any

import numpy as np

from csp.conformers.monomers import ConformerSet
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles

_TEXTS = tuple(
    field.name
    for field in fields(ConformerSet)
    if field.name not in ("conformers", "failures")
)


def to_row(found: ConformerSet) -> dict[str, Any]:
    """The conformers of one kind of molecule as JSON values."""
    return {
        **{name: getattr(found, name) for name in _TEXTS},
        "failures": list(found.failures),
        "conformers": [_document(item) for item in found.conformers],
    }


def from_row(row: dict[str, Any]) -> ConformerSet:
    """What :func:`to_row` wrote."""
    return ConformerSet(
        conformers=tuple(_conformer(item) for item in row["conformers"]),
        failures=tuple(row["failures"]),
        **{name: row[name] for name in _TEXTS},
    )


def _document(conformer: Conformer) -> dict[str, Any]:
    molecule = conformer.molecule
    return {
        "label": conformer.label,
        "name": molecule.name,
        "charge_e": molecule.charge,
        "atomic_numbers": molecule.atomic_numbers.tolist(),
        "bonds": molecule.bonds.tolist(),
        "positions_angstrom": molecule.positions.tolist(),
        "relative_energy_kj_per_mol": conformer.relative_energy,
        "potential_points_angstrom": conformer.potential.points.tolist(),
        "potential_values_kj_per_mol_per_e": conformer.potential.values.tolist(),
        "multipole_moments_e_angstrom_to_l": conformer.multipoles.moments.tolist(),
        "multipole_level": conformer.multipoles.level,
        "level": conformer.level,
    }


def _conformer(document: dict[str, Any]) -> Conformer:
    molecule = Molecule(
        np.array(document["atomic_numbers"], dtype=int),
        np.array(document["positions_angstrom"], dtype=float).reshape(-1, 3),
        np.array(document["bonds"], dtype=int).reshape(-1, 2),
        document["charge_e"],
        document["name"],
    )
    return Conformer(
        label=document["label"],
        molecule=molecule,
        relative_energy=document["relative_energy_kj_per_mol"],
        potential=ElectrostaticPotential(
            np.array(document["potential_points_angstrom"], dtype=float).reshape(-1, 3),
            np.array(document["potential_values_kj_per_mol_per_e"], dtype=float),
        ),
        multipoles=Multipoles(
            np.array(document["multipole_moments_e_angstrom_to_l"], dtype=float),
            document["multipole_level"],
        ),
        level=document["level"],
    )
