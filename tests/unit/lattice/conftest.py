"""Cases of our own: rock salt of point charges, and a chiral molecule in P2₁2₁2₁."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import csp
from csp.conformers.calculations import Calculations
from csp.lattice.cif import LEVEL
from csp.molecule import Molecule, Multipoles
from csp.units import ANGSTROM_PER_BOHR

ROOT = Path(csp.__file__).parents[1]
SHARED = Path(os.environ.get("CSP_SHARED_DATA", ROOT.parent / "shared" / "data"))

P212121 = ["x+1/2,-y+1/2,-z", "-x,y+1/2,-z+1/2", "-x+1/2,-y,z+1/2"]
CHIRAL = np.array(
    [
        [0.00, 0.00, 0.00],
        [1.77, 0.00, 0.00],
        [-0.45, 1.28, 0.00],
        [-0.48, -0.72, 1.25],
        [-0.36, -0.51, -0.94],
    ]
)
ELEMENTS = ["C", "Cl", "F", "O", "H"]


def pair(first: str, second: str, exp6: tuple[float, float, float]) -> dict:
    a, rho, c = exp6
    return {
        "type1": first,
        "type2": second,
        "A_eV": a,
        "rho_ang": rho,
        "C6_eV_ang6": c,
    }


def site(label: str, position: np.ndarray, moments: list[float]) -> dict:
    return {
        "label": label,
        "position_bohr": (np.asarray(position) / ANGSTROM_PER_BOHR).tolist(),
        "multipoles": {"components": [float(value) for value in moments]},
    }


def _rock_salt(length: float = 5.64) -> dict:
    cell = dict(zip(["a", "b", "c"], [length] * 3, strict=True))
    cell |= dict.fromkeys(["alpha", "beta", "gamma"], 90.0)
    atoms = [
        {"element": "Na", "frac_xyz": [0.0, 0.0, 0.0]},
        {"element": "Cl", "frac_xyz": [0.5, 0.5, 0.5]},
    ]
    sites = [site("Na01_1", [0, 0, 0], [1.0]), site("Cl01_1", [0, 0, 0], [-1.0])]
    rows = [
        pair("Na01", "Na01", (500.0, 0.3, 0.0)),
        pair("Na01", "Cl01", (1250.0, 0.3, 0.0)),
        pair("Cl01", "Cl01", (3000.0, 0.3, 0.0)),
    ]
    return {
        "title": "rock salt",
        "crystal": {"cell": cell, "Z": 4, "atoms": atoms, "symmetry_operations": []},
        "molecule": {"sites": sites},
        "potentials": {"pairs": rows},
    }


def _chiral(
    *, turn: np.ndarray, is_mirrored: bool = False, stretch: float = 1.0
) -> dict:
    """Four chiral molecules with charges and dipoles; the frame turned or mirrored."""
    lengths = np.array([6.4, 7.3, 8.1])
    atoms = CHIRAL + lengths * [0.21, 0.13, 0.32]
    frame = turn * (-1.0 if is_mirrored else 1.0)
    charges = [0.3, -0.2, -0.2, -0.1, 0.2]
    rng = np.random.default_rng(5)
    dipoles = 0.2 * rng.normal(size=(5, 3))
    sites = []
    for k, element in enumerate(ELEMENTS):
        x, y, z = frame @ dipoles[k]
        label = f"{element}_X1"[:4] + "_1"
        sites.append(site(label, stretch * (frame @ CHIRAL[k]), [charges[k], z, x, y]))
    types = [s["label"][:4].rstrip("_") for s in sites]
    rows = [
        pair(first, second, (2000.0, 0.28, 15.0))
        for k, first in enumerate(types)
        for second in types[k:]
    ]
    cell = dict(zip("abc", lengths.tolist(), strict=True))
    cell |= dict.fromkeys(["alpha", "beta", "gamma"], 90.0)
    positions = (atoms / lengths).tolist()
    return {
        "title": "chiral",
        "crystal": {
            "cell": cell,
            "Z": 4,
            "atoms": [
                {"element": e, "frac_xyz": x}
                for e, x in zip(ELEMENTS, positions, strict=True)
            ],
            "symmetry_operations": P212121,
        },
        "molecule": {"sites": sites},
        "potentials": {"pairs": rows},
    }


@pytest.fixture
def rock_salt():
    return _rock_salt


@pytest.fixture
def chiral():
    return _chiral


@pytest.fixture
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"needs the data that nobody here wrote, in {SHARED}")
    return SHARED


@pytest.fixture
def write_case(tmp_path):
    def write(table: dict) -> Path:
        path = tmp_path / "case.json"
        path.write_text(json.dumps(table), encoding="utf-8")
        return path

    return write


class InventedMultipoles(Calculations):
    """Moments that follow the molecule: charges by element, dipoles along bonds."""

    calls: list[Molecule] = []  # noqa: RUF012 - shared by the tests that count

    def multipoles(self, molecule: Molecule, level: object) -> Multipoles:
        self.calls.append(molecule)
        moments = np.zeros((len(molecule.atomic_numbers), 25))
        moments[:, 0] = -0.1 * (molecule.atomic_numbers - 4.0)
        moments[:, 0] += (molecule.charge - moments[:, 0].sum()) / len(moments)
        for i, j in molecule.bonds.tolist():
            x, y, z = 0.1 * (molecule.positions[j] - molecule.positions[i])
            moments[i, 1:4] += [z, x, y]
        return Multipoles(moments, str(LEVEL))


@pytest.fixture
def invented(tmp_path):
    InventedMultipoles.calls.clear()
    return InventedMultipoles(tmp_path / "cache")
