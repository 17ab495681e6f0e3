"""Force-field types of the atoms of a molecule, from its bonds."""

from collections.abc import Sequence

from csp.errors import InputError
from csp.molecule import Molecule
from csp.potentials.exp6 import ForceFieldName

_HYDROGEN, _CARBON, _NITROGEN, _OXYGEN = 1, 6, 7, 8
_POLAR = (_NITROGEN, _OXYGEN)
_FIT = {6: "C_F1", 7: "N_F1", 8: "O_F1", 9: "F_F1", 16: "S_F1", 17: "Cl_F1"}
_W99_PLAIN = {9: "F_W1", 16: "S_W1", 17: "Cl_W1", 35: "Br_W1", 53: "I_W1"}
_W99_CARBON = {2: "C_W2", 3: "C_W3", 4: "C_W4"}
_W99_OXYGEN = {1: "O_W1", 2: "O_W2"}
_W99_NITROGEN_HYDROGENS = ("N_W2", "N_W3", "N_W4")


def atom_types(molecule: Molecule, force_field: ForceFieldName) -> tuple[str, ...]:
    """The force-field type of each atom.

    Raises:
        InputError: If the set has no parameters for some atoms; all are named.
    """
    neighbours = neighbours_of(molecule)
    find = _fit_type if force_field is ForceFieldName.FIT else _w99_type
    found = [find(i, molecule, neighbours) for i in range(len(neighbours))]
    missing = sorted(
        {molecule.symbols[i] for i, kind in enumerate(found) if kind is None}
    )
    if missing:
        raise InputError(
            f"the force field {force_field.value!r} has no parameters for "
            f"{', '.join(missing)} as bonded in {molecule.name}: choose another "
            "potential.force_field "
            f"(one of {', '.join(name.value for name in ForceFieldName)})"
        )
    return tuple(kind for kind in found if kind is not None)


def neighbours_of(molecule: Molecule) -> list[list[int]]:
    """Indices of the atoms bonded to each atom."""
    neighbours: list[list[int]] = [[] for _ in molecule.atomic_numbers]
    for i, j in molecule.bonds.tolist():
        neighbours[i].append(j)
        neighbours[j].append(i)
    return neighbours


def _fit_type(
    atom: int, molecule: Molecule, neighbours: Sequence[Sequence[int]]
) -> str | None:
    z = molecule.atomic_numbers
    if z[atom] == _HYDROGEN:
        return "H_F2" if any(z[j] in _POLAR for j in neighbours[atom]) else "H_F1"
    return _FIT.get(int(z[atom]))


def _w99_type(
    atom: int, molecule: Molecule, neighbours: Sequence[Sequence[int]]
) -> str | None:
    z = molecule.atomic_numbers
    bonded = neighbours[atom]
    element = int(z[atom])
    if element == _HYDROGEN:
        return _w99_hydrogen(atom, molecule, neighbours)
    if element == _CARBON:
        return _W99_CARBON.get(len(bonded))
    if element == _OXYGEN:
        return _W99_OXYGEN.get(len(bonded))
    if element == _NITROGEN:
        if len(bonded) == 1:
            return "N_W1"
        hydrogens = sum(int(z[j] == _HYDROGEN) for j in bonded)
        return _W99_NITROGEN_HYDROGENS[min(hydrogens, 2)]
    return _W99_PLAIN.get(element)


def _w99_hydrogen(
    atom: int, molecule: Molecule, neighbours: Sequence[Sequence[int]]
) -> str | None:
    z = molecule.atomic_numbers
    if len(neighbours[atom]) != 1:
        return None
    heavy = neighbours[atom][0]
    if z[heavy] == _CARBON:
        return "H_W1"
    if z[heavy] == _NITROGEN:
        return "H_W4"
    if z[heavy] != _OXYGEN:
        return None
    is_carboxyl = any(
        z[carbon] == _CARBON
        and any(
            z[other] == _OXYGEN and len(neighbours[other]) == 1
            for other in neighbours[carbon]
        )
        for carbon in neighbours[heavy]
    )
    return "H_W3" if is_carboxyl else "H_W2"
