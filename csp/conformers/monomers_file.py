"""``monomers.json``: conformers with where they come from, as text."""

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from csp.errors import InputError
from csp.files import write_atomically
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.potentials.solid_harmonics import N_MOMENTS

FORMAT = "csp monomers 2"
POSITION_DIGITS = 8
POTENTIAL_DIGITS = 3
MOMENT_DIGITS = 6
ENERGY_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Provenance:
    """How conformers were made.

    Attributes:
        inchi_key: Of the molecule.
        smiles: Canonical, without stereochemistry the geometry does not have.
        source: What the user gave.
        level: Of geometries and relative energies.
        potential_level: Of the electrostatic potential.
        multipole_level: Of the distributed multipoles.
        window_kj_per_mol: Energy above the lowest up to which the set is complete.
        programs: Name and version of every program that decided a number.
        command: What was typed.
    """

    inchi_key: str
    smiles: str
    source: str
    level: str
    potential_level: str
    multipole_level: str
    window_kj_per_mol: float
    programs: dict[str, str]
    command: str


_PROVENANCE_KEYS = tuple(field.name for field in fields(Provenance))


@dataclass(frozen=True, eq=False, slots=True)
class Monomers:
    """Content of a ``monomers.json``."""

    provenance: Provenance
    conformers: tuple[Conformer, ...]


def monomers_paths(path: Path, n_kinds: int) -> list[Path]:
    """The files of a formula unit's kinds of molecules, one each.

    >>> [str(file) for file in monomers_paths(Path("monomers.json"), 2)]
    ['monomers_A.json', 'monomers_B.json']
    """
    if n_kinds == 1:
        return [path]
    letters = [chr(ord("A") + index) for index in range(n_kinds)]
    return [path.with_stem(f"{path.stem}_{letter}") for letter in letters]


def monomers_text(monomers: Monomers) -> str:
    """JSON with limited digits.

    Geometry to 1e-8 Å, potential to 0.001 kJ/mol/e, energy to 1e-4 kJ/mol, multipole
    moments to 1e-6 e Å^l.
    """
    document = {
        "format": FORMAT,
        **asdict(monomers.provenance),
        "conformers": [_conformer_document(item) for item in monomers.conformers],
    }
    return _with_short_rows(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"


def _conformer_document(conformer: Conformer) -> dict[str, Any]:
    molecule, potential = conformer.molecule, conformer.potential
    return {
        "label": conformer.label,
        "relative_energy_kj_per_mol": round(conformer.relative_energy, ENERGY_DIGITS),
        **molecule_document(molecule),
        "potential_points_angstrom": np.round(
            potential.points, POTENTIAL_DIGITS
        ).tolist(),
        "potential_values_kj_per_mol_per_e": np.round(
            potential.values, POTENTIAL_DIGITS
        ).tolist(),
        "multipole_moments_e_angstrom_to_l": np.round(
            conformer.multipoles.moments, MOMENT_DIGITS
        ).tolist(),
    }


def molecule_document(molecule: Molecule) -> dict[str, Any]:
    """A molecule as JSON values."""
    return {
        "name": molecule.name,
        "charge_e": molecule.charge,
        "symbols": molecule.symbols,
        "bonds": molecule.bonds.tolist(),
        "positions_angstrom": np.round(molecule.positions, POSITION_DIGITS).tolist(),
    }


def molecule_from_document(document: dict[str, Any]) -> Molecule:
    """The molecule of :func:`molecule_document`."""
    return Molecule(
        np.array([atomic_numbers[symbol] for symbol in document["symbols"]], dtype=int),
        np.array(document["positions_angstrom"], dtype=float).reshape(-1, 3),
        np.array(document["bonds"], dtype=int).reshape(-1, 2),
        int(document["charge_e"]),
        str(document["name"]),
    )


def _with_short_rows(text: str) -> str:
    """The same JSON with every innermost list on one line."""
    return re.sub(
        r"\[[^\[\]{}]*\]", lambda row: re.sub(r"\s*\n\s*", "", row.group()), text
    )


def monomers_from_text(text: str, name: str) -> Monomers:
    """The conformers in the text of a ``monomers.json``.

    Args:
        text: Content of the file.
        name: What to call it in messages.

    Raises:
        InputError: If the text is not of this format.
    """
    try:
        document = json.loads(text)
        found = document["format"]
        if found == FORMAT:
            provenance = Provenance(**{key: document[key] for key in _PROVENANCE_KEYS})
            conformers = tuple(
                _conformer(item, provenance) for item in document["conformers"]
            )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is not a monomers.json of csp ({error!r}): compute the "
            "conformers again with csp monomers"
        ) from error
    if found != FORMAT:
        raise InputError(
            f"{name} has the format {found!r}, but {FORMAT!r} is needed, which also "
            "holds distributed multipoles: compute the conformers again with csp "
            "monomers"
        )
    if not conformers:
        raise InputError(f"{name} has no conformers: compute them again")
    return Monomers(provenance, conformers)


def _conformer(document: dict[str, Any], provenance: Provenance) -> Conformer:
    molecule = molecule_from_document(document)
    moments = np.array(document["multipole_moments_e_angstrom_to_l"], dtype=float)
    return Conformer(
        label=str(document["label"]),
        molecule=molecule,
        relative_energy=float(document["relative_energy_kj_per_mol"]),
        potential=ElectrostaticPotential(
            np.array(document["potential_points_angstrom"], dtype=float),
            np.array(document["potential_values_kj_per_mol_per_e"], dtype=float),
        ),
        multipoles=Multipoles(
            moments.reshape(len(molecule.positions), N_MOMENTS),
            provenance.multipole_level,
        ),
        level=provenance.level,
    )


def read_monomers(path: Path) -> Monomers:
    """The conformers in a file.

    Raises:
        InputError: If there is no such file or it has another format.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the monomers file {path} cannot be read: correct its path or leave it "
            "out to compute the conformers"
        ) from error
    return monomers_from_text(text, path.name)


def write_monomers(path: Path, monomers: Monomers) -> None:
    """Write a ``monomers.json``, whole or not at all."""
    write_atomically(path, monomers_text(monomers))
