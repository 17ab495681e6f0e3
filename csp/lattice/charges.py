"""The charges of the molecules and ions of a crystal."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

from csp.conformers.completeness import check_closed_shell
from csp.conformers.graph import formula_of, rdkit_molecule
from csp.errors import InputError
from csp.molecule import Molecule

_POSSIBLE = (0, 1, -1, 2, -2, 3, -3)
"""e; in the order in which they are tried."""
_HALIDES = {9: -1, 17: -1, 35: -1, 53: -1}
_METALS = {3: 1, 11: 1, 19: 1, 37: 1, 55: 1, 12: 2, 20: 2, 38: 2, 56: 2}
IONS = _HALIDES | _METALS
"""Charge of single atoms in crystals, by atomic number, e."""


def charged_molecules(
    molecules: Sequence[Molecule], copies: Sequence[int], given: Mapping[str, int]
) -> list[Molecule]:
    """The molecules with the charges that their bonds allow.

    Each formula has one charge. Of those with closed shells and possible valences the
    smallest are taken that make the cell neutral.

    Args:
        molecules: Of the asymmetric unit, charges ignored.
        copies: How often each is in the cell.
        given: Charges that the user says, by formula.

    Raises:
        InputError: If no charges are possible.
    """
    formulas = [formula_of(molecule.atomic_numbers) for molecule in molecules]
    unknown = given.keys() - set(formulas)
    if unknown:
        raise InputError(
            f"--charge names {', '.join(sorted(unknown))}, but the crystal holds "
            f"{', '.join(sorted(set(formulas)))}: use these formulas"
        )
    kinds = dict(zip(formulas, molecules, strict=True))
    counts = {
        kind: sum(n for own, n in zip(formulas, copies, strict=True) if own == kind)
        for kind in kinds
    }
    choices = [
        [given[kind]] if kind in given else possible_charges(molecule)
        for kind, molecule in kinds.items()
    ]
    neutral = [
        dict(zip(kinds, charges, strict=True))
        for charges in product(*choices)
        if sum(q * counts[kind] for kind, q in zip(kinds, charges, strict=True)) == 0
    ]
    if not neutral:
        raise InputError(
            f"no charges of {', '.join(kinds)} with possible valences make the crystal "
            "neutral: check its hydrogen atoms, or give charges like "
            f"--charge {next(iter(kinds))}=1"
        )
    best = min(neutral, key=lambda way: sum(abs(q) for q in way.values()))
    return [
        Molecule(m.atomic_numbers, m.positions, m.bonds, best[formula], formula)
        for m, formula in zip(molecules, formulas, strict=True)
    ]


def possible_charges(molecule: Molecule) -> list[int]:
    """The charges with which a molecule has a closed shell and possible valences, e."""
    if len(molecule.atomic_numbers) == 1:
        number = int(molecule.atomic_numbers[0])
        return [IONS[number]] if number in IONS else []
    return [charge for charge in _POSSIBLE if _is_possible(molecule, charge)]


def _is_possible(molecule: Molecule, charge: int) -> bool:
    charged = Molecule(
        molecule.atomic_numbers,
        molecule.positions,
        molecule.bonds,
        charge,
        molecule.name,
    )
    try:
        check_closed_shell(charged)
        rdkit_molecule(charged)
    except InputError:
        return False
    return True


def read_charges(texts: Sequence[str]) -> dict[str, int]:
    """Charges by formula, from texts like ``C3H10NO2=1``.

    Raises:
        InputError: If one is no formula with a whole number.
    """
    charges = {}
    for text in texts:
        formula, _, value = text.partition("=")
        try:
            charge = float(value)
        except ValueError:
            charge = math.nan
        if not formula or charge not in range(-10, 11):
            raise InputError(
                f"--charge takes a formula and a charge from −10 to 10, got {text!r}: "
                "write it like --charge C2H8NO=1"
            )
        charges[formula.strip()] = int(charge)
    return charges
