"""Single bonds about which a molecule turns."""

from dataclasses import dataclass

from rdkit import Chem

_SP2_MINIMA = (0.0, 180.0)
_SP3_MINIMA = (60.0, 180.0, 300.0)


@dataclass(frozen=True, slots=True)
class Rotor:
    """A rotatable bond.

    Attributes:
        atoms: The four atoms of one torsion about it.
        minima: Torsions that embedding may miss and that a systematic scan visits,
            degrees; empty where embedding is enough.
    """

    atoms: tuple[int, int, int, int]
    minima: tuple[float, ...]


def rotors(molecule: Chem.Mol) -> list[Rotor]:
    """Every acyclic single bond whose rotation changes the molecule.

    Ends that are linear, and ends with three equal terminal atoms such as methyl, do
    not count. Scanned are the bonds to OH and SH groups, and conjugated bonds (both
    ends sp2): there knowledge-based embedding proposes only what crystals favour.
    """
    found = []
    for bond in molecule.GetBonds():
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        if (
            bond.GetBondType() is Chem.BondType.SINGLE
            and not bond.IsInRing()
            and all(_is_turning(end, bond) for end in ends)
        ):
            found.append(_rotor(bond))
    return found


def _is_turning(end: Chem.Atom, bond: Chem.Bond) -> bool:
    others = _others(end, bond)
    if not others or end.GetHybridization() is Chem.HybridizationType.SP:
        return False
    has_three_equal = (
        len(others) > 2  # noqa: PLR2004 - the three atoms of a methyl-like end
        and all(atom.GetDegree() == 1 for atom in others)
        and len({atom.GetAtomicNum() for atom in others}) == 1
    )
    return not has_three_equal


def _others(end: Chem.Atom, bond: Chem.Bond) -> list[Chem.Atom]:
    across = bond.GetOtherAtomIdx(end.GetIdx())
    atoms = [atom for atom in end.GetNeighbors() if atom.GetIdx() != across]
    return sorted(atoms, key=lambda atom: (-atom.GetAtomicNum(), atom.GetIdx()))


def _rotor(bond: Chem.Bond) -> Rotor:
    begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
    first, last = _others(begin, bond)[0], _others(end, bond)[0]
    atoms = (first.GetIdx(), begin.GetIdx(), end.GetIdx(), last.GetIdx())
    return Rotor(atoms, _scanned_minima(begin, end, bond))


def _scanned_minima(
    begin: Chem.Atom, end: Chem.Atom, bond: Chem.Bond
) -> tuple[float, ...]:
    is_planar = [
        atom.GetHybridization() is Chem.HybridizationType.SP2 for atom in (begin, end)
    ]
    if _is_hydroxyl(begin, bond):
        return _SP2_MINIMA if is_planar[1] else _SP3_MINIMA
    if _is_hydroxyl(end, bond):
        return _SP2_MINIMA if is_planar[0] else _SP3_MINIMA
    return _SP2_MINIMA if all(is_planar) else ()


def _is_hydroxyl(end: Chem.Atom, bond: Chem.Bond) -> bool:
    others = _others(end, bond)
    return (
        end.GetAtomicNum() in {8, 16}
        and len(others) == 1
        and others[0].GetAtomicNum() == 1
    )
