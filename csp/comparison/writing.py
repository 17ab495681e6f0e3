"""CIF text of a crystal in the standard setting of its space group."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from ase.data import chemical_symbols
from scipy.spatial import cKDTree

from csp.arrays import Indices, Matrix, Vector
from csp.comparison.standard_setting import standard_setting
from csp.comparison.symmetry import CrystalSymmetry
from csp.crystal import Crystal
from csp.geometry import parameters_from_cell, volume

SAME_SITE = 0.01
"""Symmetry images of one atom closer than this are one atom, Å."""
LARGEST_DENOMINATOR = 12

_LENGTH_TAGS = ("length_a", "length_b", "length_c")
_ANGLE_TAGS = ("angle_alpha", "angle_beta", "angle_gamma")


def cif_text(symmetry: CrystalSymmetry, name: str, comments: Sequence[str] = ()) -> str:
    """A CIF file of a crystal: asymmetric unit, operations and standard cell.

    The same crystal always gives the same text. The asymmetric unit is one connected
    molecule, or part of one.

    Args:
        symmetry: The crystal as :func:`csp.comparison.symmetry.find_symmetry` has it.
        name: Name of the data block; white space becomes underscores.
        comments: Lines for the head of the file, such as its energy and method.
    """
    crystal = symmetry.conventional
    lines = [f"# {line}" for comment in comments for line in comment.splitlines()]
    lines += [f"data_{'_'.join(name.split())}", *_header(symmetry), "loop_"]
    lines += ["_space_group_symop_operation_xyz"]
    lines += [
        f"'{operation_text(rotation, translation)}'"
        for rotation, translation in zip(
            symmetry.rotations, symmetry.translations, strict=True
        )
    ]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    return "\n".join([*lines, *_atom_lines(crystal, asymmetric_unit(symmetry))]) + "\n"


def operation_text(rotation: Matrix, translation: Vector) -> str:
    """A symmetry operation as CIF files write it.

    >>> operation_text(np.diag([-1.0, 1.0, -1.0]), np.array([0.0, 0.5, 0.5]))
    '-x,y+1/2,-z+1/2'
    """
    parts = []
    for row, offset in zip(np.rint(rotation).astype(int), translation, strict=True):
        text = "".join(
            ("+" if factor > 0 else "-") + axis
            for factor, axis in zip(row, "xyz", strict=True)
            if factor
        )
        shift = Fraction(float(offset)).limit_denominator(LARGEST_DENOMINATOR) % 1
        parts.append(text.removeprefix("+") + (f"+{shift}" if shift else ""))
    return ",".join(parts)


def asymmetric_unit(symmetry: CrystalSymmetry) -> Indices:
    """One atom of each symmetry orbit of the conventional crystal.

    Taken molecule by molecule, so that as few molecules as possible are split.
    """
    crystal = symmetry.conventional
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    tree = cKDTree(np.mod(fractional, 1.0) % 1.0, boxsize=1.0)
    radius = SAME_SITE / float(np.linalg.norm(crystal.cell, axis=1).max())
    is_covered = np.zeros(len(fractional), dtype=bool)
    chosen = []
    for atom, site in enumerate(fractional):
        if not is_covered[atom]:
            chosen.append(atom)
            orbit = symmetry.rotations @ site + symmetry.translations
            for found in tree.query_ball_point(np.mod(orbit, 1.0) % 1.0, 3.0 * radius):
                is_covered[found] = True
    return np.array(chosen)


def _header(symmetry: CrystalSymmetry) -> list[str]:
    crystal = symmetry.conventional
    setting = standard_setting(symmetry.number)
    symbol = setting.full_symbol.replace("_", "")
    parameters = parameters_from_cell(crystal.cell)
    cell = [
        f"_cell_{tag:<28}{value:.6f}"
        for tag, value in zip(_LENGTH_TAGS + _ANGLE_TAGS, parameters, strict=True)
    ]
    return [
        f"{'_chemical_formula_sum':<34}'{_formula(crystal)}'",
        f"{'_space_group_name_H-M_alt':<34}'{symbol}'",
        f"{'_space_group_name_Hall':<34}'{setting.hall_symbol}'",
        f"{'_space_group_IT_number':<34}{symmetry.number}",
        f"{'_cell_formula_units_Z':<34}{crystal.n_formula_units}",
        *cell,
        f"{'_cell_volume':<34}{volume(crystal.cell):.4f}",
        f"{'_exptl_crystal_density_diffrn':<34}{crystal.density:.4f}",
    ]


def _formula(crystal: Crystal) -> str:
    """Formula of one formula unit in Hill order."""
    counts = Counter(chemical_symbols[z] for z in crystal.atomic_numbers)
    first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
    order = first + sorted(set(counts) - set(first))
    parts = []
    for symbol in order:
        n = counts[symbol] // crystal.n_formula_units
        parts.append(symbol + (str(n) if n > 1 else ""))
    return " ".join(parts)


def _atom_lines(crystal: Crystal, atoms: Indices) -> list[str]:
    fractional = np.round(crystal.positions @ np.linalg.inv(crystal.cell), 6) + 0.0
    counts: Counter[str] = Counter()
    lines = []
    for atom in atoms:
        symbol = chemical_symbols[crystal.atomic_numbers[atom]]
        counts[symbol] += 1
        x, y, z = fractional[atom]
        lines.append(f"{symbol}{counts[symbol]} {symbol} {x:.6f} {y:.6f} {z:.6f}")
    return lines
