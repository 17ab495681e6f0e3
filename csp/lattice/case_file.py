"""The JSON form of a DMACRYS calculation: what stands in the file.

Cell and atoms of the asymmetric unit, symmetry operations, interaction sites with
their multipole moments in a frame of each molecule (bohr, atomic units), and exp-6
parameters (eV, Å).
"""

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from csp.arrays import Cell
from csp.errors import InputError
from csp.geometry import cell_from_parameters

_LARGEST_FILE = 50_000_000
"""Bytes; no case is a hundredth of that."""

Triple = tuple[float, float, float]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True
    )


class CaseCell(_Part):
    """Å and degrees."""

    a: float = Field(gt=0.0, le=1000.0)
    b: float = Field(gt=0.0, le=1000.0)
    c: float = Field(gt=0.0, le=1000.0)
    alpha: float = Field(gt=0.0, lt=180.0)
    beta: float = Field(gt=0.0, lt=180.0)
    gamma: float = Field(gt=0.0, lt=180.0)


class CaseAtom(_Part):
    """An atom of the asymmetric unit."""

    element: str
    frac_xyz: Triple


class CaseCrystal(_Part):
    """Cell, atoms and operations; the identity is not listed."""

    cell: CaseCell
    atoms: tuple[CaseAtom, ...] = Field(min_length=1)
    symmetry_operations: tuple[str, ...] = ()
    n_units: int | None = Field(None, alias="Z", ge=1, le=10_000)


class CaseMultipoles(_Part):
    """Moments Q00, Q10, Q11c, Q11s, Q20, … in e a0^l."""

    components: tuple[float, ...] = Field(min_length=1, max_length=25)


class CaseSite(_Part):
    """An interaction site in its molecule's frame."""

    label: str = ""
    atom_type: str | None = None
    position_bohr: Triple
    multipoles: CaseMultipoles
    aniso_axis_body: Triple | None = None

    @property
    def type_name(self) -> str:
        """Its type; a DMACRYS label has it in the first four characters.

        >>> moments = {"components": [0.0]}
        >>> site = dict(position_bohr=(0, 0, 0), multipoles=moments)
        >>> CaseSite(label="H_F2_13___", **site).type_name
        'H_F2'
        """
        return self.atom_type or self.label[:4].rstrip("_")


class CaseMolecule(_Part):
    """All sites, molecule by molecule."""

    sites: tuple[CaseSite, ...]


class CasePair(_Part):
    """``A exp(−r/ρ) − C/r⁶`` between two types, or between two elements."""

    type1: str | None = None
    type2: str | None = None
    el1: str | None = None
    el2: str | None = None
    repulsion_ev: float = Field(alias="A_eV", ge=0.0)
    rho: float = Field(alias="rho_ang", gt=0.0)
    dispersion_ev: float = Field(alias="C6_eV_ang6", ge=0.0)


class AnisotropicPair(_Part):
    """Two types whose repulsion depends on directions, Å."""

    type1: str
    type2: str
    alpha_inv: float = Field(alias="alpha_inv_ang", gt=0.0, le=10.0)
    rho_00: float = Field(0.0, ge=-10.0, le=10.0)
    rho_10: float = Field(0.0, ge=-2.0, le=2.0)
    rho_01: float = Field(0.0, ge=-2.0, le=2.0)
    rho_20: float = Field(0.0, ge=-2.0, le=2.0)
    rho_02: float = Field(0.0, ge=-2.0, le=2.0)


class CasePotentials(_Part):
    """The exp-6 rows, and anisotropic repulsion where there is any."""

    pairs: tuple[CasePair, ...]
    aniso_pairs: tuple[AnisotropicPair, ...] = ()


class CaseSpline(_Part):
    """Over which distance beyond the cutoff the sums go to zero, Å."""

    width: float = Field(2.0, alias="min", ge=0.5, le=5.0)


class CaseSettings(_Part):
    """The cutoff of repulsion and dispersion, Å, and how it ends."""

    repulsion_dispersion_cutoff_angstrom: float = Field(15.0, ge=8.0, le=33.0)
    spline: CaseSpline | None = None


class CaseEnergies(_Part):
    """DMACRYS's energies of the crystal as it is given, eV per cell."""

    charge_dipole: float | None = Field(None, alias="charge_dipole_eV")
    dipole_dipole: float | None = Field(None, alias="dipole_dipole_eV")


class CaseReference(_Part):
    """What DMACRYS found."""

    initial: CaseEnergies = CaseEnergies()


class CaseFile(_Part):
    """A whole case."""

    title: str = "crystal"
    crystal: CaseCrystal
    molecule: CaseMolecule
    potentials: CasePotentials
    settings: CaseSettings = CaseSettings()
    reference: CaseReference = CaseReference()


def read_case_file(path: Path) -> CaseFile:
    """Read and check the JSON of a DMACRYS case.

    Raises:
        InputError: If it cannot be read, or naming the first value that is wrong.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(
                f"{path} has {path.stat().st_size} bytes, more than {_LARGEST_FILE}: "
                "give the JSON of one DMACRYS case"
            )
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give the path of a CIF file or "
            "of a DMACRYS case (JSON)"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not valid JSON ({error}): give a CIF file or a DMACRYS case"
        ) from error
    try:
        return CaseFile.model_validate(table)
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(str(part) for part in mistake["loc"]) or "the whole"
        value = mistake["input"]
        shown = "" if isinstance(value, dict | list) else f", got {value!r}"
        message = str(mistake["msg"])
        raise InputError(
            f"{path} is not a DMACRYS case: {where}: {message[0].lower()}{message[1:]}"
            f"{shown}; correct it, or give a CIF file"
        ) from error


def cell_of(cell: CaseCell, path: Path) -> Cell:
    """Lattice vectors as rows, Å.

    Raises:
        InputError: If the angles make no cell.
    """
    parameters = np.array([cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma])
    rows = cell_from_parameters(parameters)
    if not np.isfinite(rows).all() or np.linalg.det(rows) < 1.0:
        angles = ", ".join(f"{angle:g}" for angle in parameters[3:])
        raise InputError(
            f"{path}: the angles {angles}° and lengths make no cell (volume below "
            "1 Å³): correct crystal.cell"
        )
    return rows
