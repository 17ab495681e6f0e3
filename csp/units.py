"""The only conversion factors of the project (CODATA 2022, through SciPy).

House units: Å, degrees, kJ/mol, K, GPa, elementary charges. Other units exist only
in the adapters to other programs.
"""

from scipy import constants as _codata

ANGSTROM_PER_BOHR: float = (
    _codata.physical_constants["Bohr radius"][0] / _codata.angstrom
)
KJ_PER_MOL_PER_HARTREE: float = (
    _codata.physical_constants["Hartree energy"][0] * _codata.N_A / _codata.kilo
)
KJ_PER_MOL_PER_RYDBERG: float = KJ_PER_MOL_PER_HARTREE / 2.0
KJ_PER_MOL_PER_EV: float = _codata.e * _codata.N_A / _codata.kilo
COULOMB_CONSTANT: float = KJ_PER_MOL_PER_HARTREE * ANGSTROM_PER_BOHR
"""Energy of two unit charges 1 Å apart, kJ/mol · Å / e²."""

GRAMS_PER_CM3_PER_DALTON_PER_ANGSTROM3: float = (
    _codata.physical_constants["atomic mass constant"][0] * 1.0e3 / 1.0e-24
)
KJ_PER_MOL_PER_GPA_ANGSTROM3: float = 1.0e9 * 1.0e-30 * _codata.N_A / _codata.kilo
"""Work of 1 GPa over 1 Å³, kJ/mol."""
KJ_PER_KCAL: float = _codata.calorie
"""The thermochemical calorie; RDKit's force fields work in kcal/mol."""
