"""Energies and minima as JSON, as rows of a table and as a CIF file."""

from dataclasses import replace
from itertools import permutations
from typing import Any

from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text
from csp.errors import InputError
from csp.geometry import parameters_from_cell
from csp.lattice.crystal_input import CrystalInput, atoms_like, atoms_of
from csp.potentials.exp6 import ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal, crystal_energy, tables_of
from csp.records import Status
from csp.relaxation.descent import settled
from csp.relaxation.minimisation import Minimisation, minimised
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.stability import Stability, stability

NOT_MINIMISED = "not minimised"
"""Status of the energy of a crystal as it is given."""
RELAXATION = RelaxationSettings(n_evaluations=4000)

_ALWAYS = {
    "charge_charge": ("charge_charge",),
    "charge_dipole": ("charge_dipole",),
    "dipole_dipole": ("dipole_dipole",),
    "higher_multipole": ("higher_multipole",),
    "repulsion_dispersion": ("repulsion", "dispersion", "tail"),
}
_SADDLE = (
    "this is a saddle point: a lower symmetry has a lower energy "
    "(--lower-symmetry goes there)"
)
_LOWERED = "a saddle point was left downhill; the crystal has lost some of its symmetry"
_SOMETIMES = {"wall": "wall", "pressure_volume": "work"}

Report = dict[str, Any]


def lattice_energy(given: CrystalInput) -> Report:
    """The energy of a crystal as it is given, per formula unit."""
    energy = crystal_energy(given.crystal, given.tables)
    return _report(given, given.crystal, energy.terms, NOT_MINIMISED)


def minimise(
    given: CrystalInput, *, lower_symmetry: bool = False
) -> tuple[Report, Minimisation]:
    """The energy minimum below a crystal, and whether it is one in every direction.

    Args:
        given: The crystal and its force field.
        lower_symmetry: Whether a saddle point is left downhill with the symmetry that
            the way down has; else the space group is kept, and the status says so.

    Returns:
        The report of the end, with that of the start under ``initial``; and the end.

    Raises:
        InputError: If types meet without any repulsion between them, or the axes of the
            multipoles are in doubt.
    """
    if given.has_doubtful_axes:
        raise InputError(
            f"{given.name} cannot be minimised: its sites are not in bohr, so that the "
            "axes of its multipoles are in doubt; give positions in bohr in the axes "
            "of the multipoles"
        )
    if given.unrepelled:
        pairs = ", ".join("–".join(pair) for pair in given.unrepelled)
        raise InputError(
            f"{given.name} cannot be minimised: nothing keeps {pairs} apart; add their "
            "exp-6 repulsion (csp lattice-energy gives the energy of the crystal as it "
            "is)"
        )
    initial = lattice_energy(given)
    end = minimised(given.crystal, given.smooth_tables, RELAXATION)
    if lower_symmetry and end.status is Status.CONVERGED:
        below, found = settled(end.crystal, given.smooth_tables, RELAXATION)
        end = below or end
    else:
        found = stability(end.crystal, given.smooth_tables)
        if end.status is Status.CONVERGED and not found.is_minimum:
            end = replace(end, status=Status.SADDLE)
    bodies = end.crystal.bodies
    tables = tables_of(bodies, given.parameters, given.settings)
    energy = crystal_energy(end.crystal, tables)
    report = _report(given, end.crystal, energy.terms, end.status.value)
    report |= _curvature(found)
    if end.status is Status.SADDLE:
        report["notes"].append(_SADDLE)
    if len(bodies) != len(given.crystal.bodies):
        report["notes"].append(_LOWERED)
    report["initial"] = {
        key: initial[key]
        for key in ("lattice_energy_kj_per_mol", "terms_kj_per_mol", "cell", "status")
    }
    return report, end


def _curvature(found: Stability) -> Report:
    """What the Hessian says: the lowest curvature and, of a minimum, the stiffness."""
    report: Report = {
        "lowest_curvature_kj_per_mol_per_angstrom2": float(found.curvatures[0])
    }
    if found.is_minimum:
        report["elastic_constants_gpa"] = found.elastic_constants().round(4).tolist()
    return report


def _report(
    given: CrystalInput, crystal: RigidCrystal, terms: dict[str, float], status: str
) -> Report:
    n_units = given.n_formula_units
    parts = {
        name: sum(terms[part] for part in sources) / n_units
        for name, sources in _ALWAYS.items()
    }
    if given.parameters.anisotropy:
        turning = _anisotropic_repulsion(given, crystal, terms["repulsion"]) / n_units
        parts["repulsion_dispersion"] -= turning
        parts["anisotropic_repulsion"] = turning
    for name, part in _SOMETIMES.items():
        if terms[part] != 0.0:
            parts[name] = terms[part] / n_units
    return {
        "lattice_energy_kj_per_mol": sum(parts.values()),
        "terms_kj_per_mol": parts,
        "cell": parameters_from_cell(crystal.cell).tolist(),
        "status": status,
        "n_formula_units": n_units,
        "n_molecules": crystal.n_molecules,
        "force_field": given.force_field,
        "notes": list(given.notes),
    }


def _anisotropic_repulsion(
    given: CrystalInput, crystal: RigidCrystal, repulsion: float
) -> float:
    """The part of the repulsion that is between anisotropic pairs, kJ/mol per cell."""
    own = given.parameters
    others = {
        pair: exp6._replace(repulsion=0.0) if _is_turning(pair, own) else exp6
        for pair, exp6 in own.pairs.items()
    }
    tables = tables_of(crystal.bodies, replace(own, pairs=others), given.settings)
    return repulsion - crystal_energy(crystal, tables).terms["repulsion"]


def _is_turning(pair: frozenset[str], parameters: ParameterSet) -> bool:
    ends = sorted(pair) * (3 - len(pair))
    rows = (parameters.anisotropy.get((a, b)) for a, b in permutations(ends, 2))
    return any(row is not None for row in rows)


def table_rows(report: Report) -> list[tuple[str, ...]]:
    """A report as rows of text; of a minimisation with start and end."""
    columns = [report["initial"], report] if "initial" in report else [report]
    names = list(dict.fromkeys(n for c in columns for n in c["terms_kj_per_mol"]))
    rows = [
        (
            name.replace("_", " "),
            *(f"{c['terms_kj_per_mol'].get(name, 0.0):.4f}" for c in columns),
        )
        for name in names
    ]
    rows.append(
        ("lattice energy", *(f"{c['lattice_energy_kj_per_mol']:.4f}" for c in columns))
    )
    labels = ("a, Å", "b, Å", "c, Å", "α, °", "β, °", "γ, °")
    rows += [
        (label, *(f"{c['cell'][k]:.4f}" for c in columns))
        for k, label in enumerate(labels)
    ]
    return rows


def cif_of(given: CrystalInput, end: Minimisation) -> str:
    """The minimum as a CIF file in the standard setting of its space group."""
    bodies = given.crystal.bodies
    atoms = [atoms_like(body, bodies, given.atoms) for body in end.crystal.bodies]
    crystal = atoms_of(end.crystal, atoms, given.n_formula_units)
    tables = tables_of(end.crystal.bodies, given.parameters, given.settings)
    energy = crystal_energy(end.crystal, tables).energy / given.n_formula_units
    comments = [
        f"lattice energy {energy:.4f} kJ/mol per formula unit, {end.status.value}",
        f"force field: {given.force_field}",
    ]
    return cif_text(find_symmetry(crystal), given.name, comments)
